"""A 256-bit vector of bits for numba, so that kernels can be written in Python and still be the vector code we want.

`load` and `store` move four uint64 words; `&`, `|`, `^` and `~` act on all 256 bits; the rest counts bits. LLVM lowers
these to whatever the processor has (AVX2, AVX-512, NEON, or plain words), so nothing here names an instruction set.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable

WORDS = 4
LANES = 64 * WORDS

_WORD_VECTOR = ir.VectorType(ir.IntType(64), WORDS)
_BYTE_VECTOR = ir.VectorType(ir.IntType(8), 8 * WORDS)
_WORD_BYTES = 8


class Bits256(types.Type):
    """The numba type of a vector; kernels see it as an immutable value."""

    def __init__(self) -> None:
        super().__init__(name="Bits256")


bits256 = Bits256()


@register_model(Bits256)
class _Bits256Model(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, _WORD_VECTOR)


def _define_operator(function, method: str) -> None:
    @type_callable(function)
    def typing(context):
        def typer(a, b):
            return bits256 if a == bits256 and b == bits256 else None

        return typer

    @lower_builtin(function, bits256, bits256)
    def lower(context, builder, signature, args):
        return getattr(builder, method)(*args)


for _name, _method in (("and", "and_"), ("or", "or_"), ("xor", "xor")):
    _define_operator(getattr(operator, f"__{_name}__"), _method)
    _define_operator(getattr(operator, f"__i{_name}__"), _method)


@type_callable(operator.invert)
def _invert_typing(context):
    return lambda a: bits256 if a == bits256 else None


@lower_builtin(operator.invert, bits256)
def _invert(context, builder, signature, args):
    return builder.not_(args[0])


def _address(context, builder, array_type, array, index):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _WORD_VECTOR.as_pointer())


@intrinsic
def load(typingctx, words, index):
    """The vector of words[index : index + 4]; `words` is a contiguous one-dimensional uint64 array. No bounds check."""

    def codegen(context, builder, signature, args):
        vector = builder.load(_address(context, builder, signature.args[0], *args))
        vector.align = _WORD_BYTES
        return vector

    return bits256(words, types.intp), codegen


@intrinsic
def store(typingctx, words, index, vector):
    """words[index : index + 4] = vector. No bounds check."""

    def codegen(context, builder, signature, args):
        store = builder.store(args[2], _address(context, builder, signature.args[0], args[0], args[1]))
        store.align = _WORD_BYTES
        return context.get_dummy_value()

    return types.void(words, types.intp, bits256), codegen


@intrinsic
def popcount(typingctx, word):
    """Set bits of one uint64."""

    def codegen(context, builder, signature, args):
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), codegen


@intrinsic
def zeros(typingctx):
    """The vector without a set bit."""

    def codegen(context, builder, signature, args):
        return ir.Constant(_WORD_VECTOR, [0] * WORDS)

    return bits256(), codegen


@intrinsic
def any_set(typingctx, vector):
    """Whether any bit is set."""

    def codegen(context, builder, signature, args):
        whole = builder.bitcast(args[0], ir.IntType(LANES))
        return builder.icmp_unsigned("!=", whole, ir.Constant(whole.type, 0))

    return types.boolean(bits256), codegen


@intrinsic
def add_popcounts(typingctx, total, vector):
    """Add to each of 32 byte counters the set bits of the same byte of `vector`: at most 8 a call; wraps at 256."""

    def codegen(context, builder, signature, args):
        total, vector = (builder.bitcast(arg, _BYTE_VECTOR) for arg in args)
        counts = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_BYTE_VECTOR, [_BYTE_VECTOR]), f"llvm.ctpop.v{8 * WORDS}i8"
        )
        return builder.bitcast(builder.add(total, builder.call(counts, [vector])), _WORD_VECTOR)

    return bits256(bits256, bits256), codegen


@intrinsic
def sum_counters(typingctx, total):
    """The sum of the 32 byte counters."""

    def codegen(context, builder, signature, args):
        wide = ir.VectorType(ir.IntType(64), 8 * WORDS)
        counters = builder.zext(builder.bitcast(args[0], _BYTE_VECTOR), wide)
        reduce = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.IntType(64), [wide]), f"llvm.vector.reduce.add.v{8 * WORDS}i64"
        )
        return builder.call(reduce, [counters])

    return types.int64(bits256), codegen
