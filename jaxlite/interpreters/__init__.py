"""The interpreters, one small file each: evaluate, stage, jvp, linearize, transpose, batch."""
