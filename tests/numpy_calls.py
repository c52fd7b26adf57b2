"""NumPy's own functions that answer for traced values: one call of each, as it stands in a program.

    "np.hypot(A, B)"     names are the arrays below; every one of them is traced

`test_numpy_calls.py` compares each call under ``jit`` and under ``vjp`` with the same call on plain arrays.
"""

from __future__ import annotations

import numpy as np

_rng = np.random.default_rng(7)

ARRAYS = {
    "A": _rng.uniform(-2, 2, (2, 3)),
    "B": _rng.uniform(-2, 2, (2, 3)),
    "C": _rng.uniform(-1, 1, (2, 3)) + 1j * _rng.uniform(-1, 1, (2, 3)),
    "G": np.array([[True, False, True], [False, False, True]]),
    "I": np.array([[12, -8, 7], [3, 0, 5]]),
    "J": np.array([[1, 2, 2], [3, 1, 4]]),
    "K": np.array([3, 1, 3, 0]),
    "L": _rng.uniform(-2, 2, 7),
    "N": np.array([[0.5, np.nan, 1.5], [np.nan, -2.0, 3.0]]),
    "P": _rng.uniform(0.3, 3, (2, 3)),
    "Q": _rng.uniform(-2, 2, (3, 3)) + 6 * np.eye(3),
    "S": np.array([-1.5, -0.2, 0.4, 1.7]),
    "T": _rng.uniform(-2, 2, (2, 3, 4)),
    "U": _rng.uniform(-0.9, 0.9, (2, 3)),
    "V": _rng.uniform(-2, 2, 3),
    "W": _rng.uniform(-2, 2, 3),
    "X": _rng.uniform(1.2, 3, (2, 3)),
}

UFUNCS = """
np.abs(A)  np.absolute(C)  np.acos(U)  np.acosh(X)
np.add(A,B)  np.arccos(U)  np.arccosh(X)  np.arcsin(U)  np.arcsinh(A)
np.arctan(A)  np.arctan2(A,B)  np.arctanh(U)  np.asin(U)  np.asinh(A)  np.atan(A)  np.atan2(A,B)  np.atanh(U)
np.bitwise_and(I,J)  np.bitwise_count(I)  np.bitwise_invert(I)  np.bitwise_left_shift(I,J)  np.bitwise_not(I)
np.bitwise_or(I,J)  np.bitwise_right_shift(I,J)  np.bitwise_xor(I,J)
np.cbrt(P)  np.ceil(A)  np.conj(C)  np.conjugate(C)
np.copysign(A,B)  np.cos(A)  np.cosh(A)  np.deg2rad(A)
np.degrees(A)  np.divide(A,X)  np.divmod(A,X)  np.equal(I,J)
np.exp(A)  np.exp2(A)  np.expm1(A)  np.fabs(A)
np.float_power(P,A)  np.floor(A)  np.floor_divide(A,X)  np.fmax(A,B)
np.fmin(A,B)  np.fmod(A,X)  np.frexp(A)[1]
np.gcd(I,J)  np.greater(A,B)  np.greater_equal(A,B)  np.heaviside(A,B)
np.hypot(A,B)  np.invert(G)  np.isfinite(N)  np.isinf(N)
np.isnan(N)  np.lcm(I,J)  np.ldexp(A,J)  np.left_shift(I,J)
np.less(A,B)  np.less_equal(A,B)  np.log(P)  np.log10(P)
np.log1p(P)  np.log2(P)  np.logaddexp(A,B)  np.logaddexp2(A,B)
np.logical_and(A,I)  np.logical_not(I)  np.logical_or(A,I)  np.logical_xor(A,I)  np.matmul(A,Q)  np.matvec(A,V)
np.maximum(A,B)  np.minimum(A,B)  np.mod(A,X)  np.modf(A)  np.multiply(A,B)  np.negative(A)  np.nextafter(A,B)
np.not_equal(I,J)  np.positive(A)  np.pow(P,A)  np.power(P,A)  np.rad2deg(A)  np.radians(A)  np.reciprocal(P)
np.remainder(A,X)  np.right_shift(I,J)  np.rint(A)  np.sign(A)
np.signbit(A)  np.sin(A)  np.sinh(A)  np.spacing(A)
np.sqrt(P)  np.square(A)  np.subtract(A,B)  np.tan(U)
np.tanh(A)  np.true_divide(A,X)  np.trunc(A)  np.vecdot(A,B)
np.vecmat(V,Q)
np.add.reduce(A,axis=1)  np.multiply.reduce(A)  np.maximum.accumulate(A,axis=1)  np.subtract.outer(V,W)
np.add.reduceat(L,[0,3,2])  np.hypot.reduce(A,axis=1)
"""

FUNCTIONS = """
np.all(G,axis=0)  np.allclose(A,A)  np.amax(A,axis=1)  np.amin(A)  np.angle(C)  np.any(G)  np.append(A,B,axis=0)
np.apply_along_axis(lambda v: v*v.sum(),1,A)  np.apply_over_axes(np.sum,T,[0,2])
np.argmax(A,axis=1)  np.argmin(A)
np.argpartition(L,2)[2]  np.argsort(A)  np.around(A,1)
np.array_equal(A,B)  np.array_equiv(A,A[0])  np.array_split(L,3)
np.astype(A,np.float32)  np.atleast_1d(A[0,0])  np.atleast_2d(V)  np.atleast_3d(A)  np.average(A,weights=P)
np.bincount(np.zeros(3,int),V)  np.block([[A,B],[B,A]])
np.broadcast_arrays(V,A)  np.broadcast_to(V,(2,3))  np.can_cast(A,np.float32)*A
np.choose(G.astype(int),[A,B])  np.clip(A,-0.5,0.5)
np.column_stack([V,W])  np.compress([True,False,True],A,axis=1)
np.concat([A,B])  np.concatenate([A,B],axis=1)  np.convolve(L,V)
np.copy(A)  np.corrcoef(A)  np.correlate(L,V,"full")
np.count_nonzero(I)  np.cov(A)  np.cross(V,W)  np.cumprod(A,axis=1)  np.cumsum(A)  np.cumulative_prod(L)
np.cumulative_sum(L,include_initial=True)  np.delete(L,2)
np.diag(V)  np.diag_indices_from(Q)[0]*V  np.diagflat(V)
np.diagonal(Q)  np.diff(L,n=2)  np.digitize(L,S)  np.dot(A,V)  np.dsplit(T,2)  np.dstack([A,B])  np.ediff1d(L)
np.einsum("ij,jk->ik",A,Q)  np.einsum_path("ij,jk,kl->il",A,Q,Q)[0][1:]  np.empty_like(A)*0  np.expand_dims(A,1)
np.extract(np.eye(2,3),A)  np.fix(A)  np.flatnonzero([1,0])+A[0,0]  np.flip(A,0)  np.fliplr(A)  np.flipud(A)
np.full_like(A,2.5)  np.geomspace(X[0,0],X[1,1],4)
np.gradient(L)  np.histogram(L,4)[0]  np.histogram2d(L,np.sort(L),3)[0]
np.histogram_bin_edges(L,4)  np.histogramdd((L,L),3)[0]  np.hsplit(A,3)  np.hstack([A,B])  np.i0(A)  np.imag(C)
np.inner(A,B)  np.insert(L,2,1.5)  np.interp(A,S,np.arange(4.0))
np.isclose(A,B)  np.iscomplex(C)  np.iscomplexobj(A)*A
np.isin(I,J)  np.isneginf(N)  np.isposinf(N)  np.isreal(C)
np.isrealobj(A)*A  np.ix_(K,K)  np.kron(A,Q)  np.lexsort((V,W))
np.linspace(V,W,4)  np.logspace(U[0],U[1],4)  np.matrix_transpose(T)
np.max(A)  np.mean(A,axis=0)  np.median(A,axis=1)
np.meshgrid(V,W)  np.min(A,axis=1)  np.moveaxis(T,0,-1)
np.nan_to_num(N)  np.nanargmax(N)  np.nanargmin(N,axis=1)
np.nancumprod(N)  np.nancumsum(N)  np.nanmax(N)
np.nanmean(N)  np.nanmedian(N)  np.nanmin(N)  np.nanpercentile(N,30)
np.nanprod(N)  np.nanquantile(N,0.3)  np.nanstd(N)
np.nansum(N)  np.nanvar(N)  np.ndim(A)*A  np.nonzero([1,0])[0]+V[:1]
np.ones_like(A)  np.outer(V,W)  np.packbits(G)
np.pad(A,1,mode="mean")  np.partition(L,2)[2]  np.percentile(A,30)
np.permute_dims(T,(1,2,0))  np.piecewise(V,[V<0,V>=0],[lambda v: -v,lambda v: v*v])  np.poly(V)
np.polyadd(V,W)  np.polyder(L)  np.polydiv(L,X[0])[0]
np.polyfit(np.arange(7.0),L,2)  np.polyint(V)  np.polymul(V,W)
np.polysub(V,W)  np.polyval(V,A)  np.prod(A,axis=1)  np.ptp(A,axis=0)  np.quantile(A,0.3)  np.ravel(A)
np.ravel_multi_index((K,K),(4,5))  np.real(C)  np.repeat(A,2,axis=1)  np.reshape(A,(3,2))  np.resize(A,(3,5))
np.result_type(A,np.float32).type(1)*A  np.roll(A,1,axis=1)  np.rollaxis(T,2)  np.rot90(A)  np.round(A,2)
np.searchsorted(S,L)  np.select([A>1,B>0],[A,B],0.5)  np.shape(A)[0]*A
np.sinc(A)  np.size(A)*A  np.sort(A,axis=0)
np.sort_complex(V)  np.split(L,[2,5])  np.squeeze(A[None])  np.stack([A,B],axis=-1)  np.std(A)  np.sum(A,axis=1)
np.swapaxes(T,0,2)  np.take(A,np.array([2,0]),axis=1)
np.take_along_axis(A,np.argsort(A,axis=1),1)  np.tensordot(A,Q,1)
np.tile(A,(2,1))  np.trace(Q)  np.transpose(T)  np.trapezoid(L)  np.tril(Q)  np.tril_indices_from(Q)[0]+V[0]
np.triu(Q)  np.triu_indices_from(Q)[0]+V[0]  np.unpackbits(G.astype(np.uint8))
np.unravel_index(K,(2,2))  np.unstack(A)  np.unwrap(L)  np.vander(V)  np.var(A)  np.vdot(V,W)  np.vsplit(A,2)
np.vstack([A,B])  np.where(A>0,A,B)  np.zeros_like(A)
np.linalg.cholesky(Q@Q.T)  np.linalg.cross(V,W)  np.linalg.det(Q)  np.linalg.diagonal(Q)  np.linalg.inv(Q)
np.linalg.matmul(A,Q)  np.linalg.matrix_norm(A)  np.linalg.matrix_power(Q,3)  np.linalg.matrix_transpose(T)
np.linalg.multi_dot([A,Q,V])  np.linalg.norm(A,axis=1)
np.linalg.outer(V,W)  np.linalg.slogdet(Q)  np.linalg.solve(Q,V)
np.linalg.tensordot(A,Q,axes=1)  np.linalg.trace(Q)  np.linalg.vecdot(A,B)  np.linalg.vector_norm(A)
np.linalg.qr(A)[1]  np.linalg.eigh(Q@Q.T)[0]  np.linalg.eigvalsh(Q@Q.T)  np.linalg.svd(A,full_matrices=False)[1]
np.linalg.svdvals(A)  np.linalg.pinv(A)  np.linalg.matrix_rank(A)  np.linalg.lstsq(A.T,V)[0]  np.linalg.cond(Q)
np.linalg.norm(A,2)  np.linalg.tensorinv(Q,1)  np.linalg.tensorsolve(Q,V)
np.linalg.cholesky(Q)  np.linalg.cholesky(Q,upper=True)  np.linalg.eigh(Q)  np.linalg.eigh(Q,"U")
np.linalg.eigvalsh(Q,UPLO="U")  np.linalg.svd(Q,hermitian=True)[1]  np.linalg.pinv(Q,hermitian=True)
np.linalg.matrix_rank(Q,6.0)  np.linalg.matrix_rank(Q,None,True)
np.linalg.eig(Q+1j*np.diag([1,2,3]))[0]  np.linalg.eigvals(Q+1j*np.diag([1,2,3]))
np.fft.fft(A)  np.fft.ifft(C)  np.fft.rfft(A,axis=0)  np.fft.irfft(C)  np.fft.hfft(C)  np.fft.ihfft(A)
np.fft.fft2(A)  np.fft.ifft2(C)  np.fft.rfft2(A)  np.fft.irfft2(C)
np.fft.fftn(T,axes=(0,2))  np.fft.ifftn(C,norm="ortho")  np.fft.rfftn(T)  np.fft.irfftn(C,s=(2,5),axes=(0,1))
np.fft.fftshift(A)  np.fft.ifftshift(A,axes=1)
"""

# The number of results depends on values: they answer where those are known, as in grad without jit.
KNOWN = """
np.argwhere(A)  np.intersect1d(K,[1,3])  np.roots(0*V+np.array([1.0,0.5,2.0]))
np.setdiff1d(K,[1])  np.setxor1d(K,[1])  np.union1d(V,W)  np.unique(K)
np.unique_all(K)  np.unique_counts(K)  np.unique_inverse(K)  np.unique_values(K)  np.trim_zeros(np.abs(V))
np.flatnonzero(A>0)  np.nonzero(A>0)  np.compress(A[0]>0,A,axis=1)  np.extract(A>0,A)
"""

# Calls that cannot do what they say with a traced value, and a part of the message that says what to write instead.
REFUSED = {
    "np.array([A, A])": "jnp.stack",
    "np.asarray(A)": "jnp.asarray",
    "np.asanyarray(A)": "jnp.asarray",
    "np.ascontiguousarray(A)": "jnp.asarray",
    "np.asfortranarray(A)": "jnp.asarray",
    "np.require(A)": "jnp.asarray",
    "np.full(3, A[0, 0])": "jnp.full",
    "np.arange(A[0, 0])": "",
    "np.eye(K[0])": "static",
    "np.ones((3, 3)).dot(V)": "jnp.dot",
    "np.arange(5)[K]": "jnp.asarray",
    "np.float64(A[0, 0])": "",
    "math.sin(A[0, 0])": "",
    "float(A[0, 0])": "",
    "int(K[0])": "",
    "np.hanning(K[0])": "",
    "np.bartlett(K[0])": "",
    "np.r_[V, 1.0]": r"jnp.r_\[t, u\]",
    "np.c_[V, W]": "the jaxlite.numpy function",
    "np.vectorize(abs)(V)": "",
    "np.frompyfunc(abs, 1, 1)(V)": "functions of jaxlite.numpy",
    "np.lib.stride_tricks.sliding_window_view(V, 2)": "functions of jaxlite.numpy",
    "np.emath.sqrt(V)": "functions of jaxlite.numpy",
    "np.copyto(np.zeros((2, 3)), A)": r"\.at\[",
    "np.full_like(np.zeros(3), A[0, 0])": "jnp.full_like",
    "np.put(A, [0], 1.0)": r"\.at\[",
    "np.place(A, G, 1.0)": "jnp.where",
    "np.putmask(A, G, 1.0)": "jnp.where",
    "np.put_along_axis(A, J[:, :1], 1.0, 1)": "jnp.put_along_axis",
    "np.fill_diagonal(Q, 1.0)": "jnp.fill_diagonal",
    "np.add.at(np.zeros(3), [0], A[0, 0])": r"\.at\[",
    "np.add(A, B, out=np.zeros((2, 3)))": "the result that is returned",
    "np.sum(A, out=np.zeros(()))": "the result that is returned",
    "np.sin(A, where=G)": r"jnp.where\(mask",
    "np.array_repr(A)": "return the value",
    "np.array_str(A)": "return the value",
    "np.array2string(A)": "return the value",
    "np.save('x', A)": "return the value",
    "np.savetxt('x', A)": "return the value",
    "np.savez('x', A)": "return the value",
    "np.savez_compressed('x', A)": "return the value",
    "np.real_if_close(C)": "jnp.real",
    "np.common_type(A)": "jnp.result_type",
    "np.min_scalar_type(A)": "dtype",
    "np.may_share_memory(A, A)": "never matters",
    "np.shares_memory(A, A)": "never matters",
    "np.unique(K)": "size=",
    "np.union1d(V, W)": "size=",
    "np.nonzero(A)": "size=",
    "np.extract(A > 0, A)": "jnp.where",
    "np.trim_zeros(V)": "jnp.where",
}

# NumPy asks for an integer, and replaces our error by its own.
REFUSED_BY_NUMPY = ("np.zeros(K[0])", "np.ones(K[0])", "np.empty((2, K[0]))", "np.identity(K[0])")


def rows(text: str) -> list[str]:
    """Split calls that are set apart by two spaces or by lines."""
    return [call.strip() for line in text.split("\n") for call in line.split("  ") if call.strip()]
