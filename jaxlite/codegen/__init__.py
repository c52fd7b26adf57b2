"""From a program to loops, and from loops to text: Python to read, LLVM to run. Layer 5; never imports numba."""
