"""The parts of a type-checked CEL expression, as its engine writes it (CEL specification, `cel.expr.CheckedExpr`).

Kubernetes refuses lists and maps of mixed types, which this engine accepts
(cel-go, `homogeneousAggregateLiteralValidator`).
"""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf import any_pb2, descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_MESSAGES = {
    "CheckedExpr": {"type_map": (3, "Typed*"), "expr": (4, "Expr")},
    "Typed": {"key": (1, "int"), "value": (2, "bytes")},
    "Expr": {
        "id": (2, "int"),
        "select": (5, "Select"),
        "call": (6, "Call"),
        "list": (7, "List"),
        "struct": (8, "Struct"),
        "comprehension": (9, "Comprehension"),
    },
    "Select": {"operand": (1, "Expr")},
    "Call": {"target": (1, "Expr"), "function": (2, "bytes"), "args": (3, "Expr*")},
    "List": {"elements": (1, "Expr*")},
    "Struct": {"name": (1, "bytes"), "entries": (2, "Entry*")},
    "Entry": {"map_key": (3, "Expr"), "value": (4, "Expr")},
    "Comprehension": {
        "range": (2, "Expr"),
        "start": (4, "Expr"),
        "condition": (5, "Expr"),
        "step": (6, "Expr"),
        "result": (7, "Expr"),
    },
}
"""The fields that matter here, by number and type; those of a type, which is only compared, are bytes."""
_DYN = b"\n\0"
"""The type `dyn`, serialized."""


def mixed_literals(serialized: bytes) -> int:
    """Return how many lists and maps of a serialized expression have elements of different types."""
    checked = _checked_expression()()
    checked.ParseFromString(any_pb2.Any.FromString(serialized).value)
    types = {one.key: one.value for one in checked.type_map}
    return sum(len({_type_of(part, types) for part in parts}) > 1 for parts in _literals(checked.expr))


def _type_of(part: Any, types: Mapping[int, bytes]) -> bytes:
    """Return a type as cel-go infers it: what is looked up in a `dyn` is one; for this engine it is its neighbours'."""
    if part.call.function == b"_[_]" and types[part.call.args[0].id] == _DYN:
        return _DYN
    return types[part.id]


def _literals(expression: Any) -> Iterator[list[Any]]:
    """Yield the elements of each list, and the values of each map."""
    for field, value in expression.ListFields():
        if field.name == "list":
            yield list(value.elements)
        if field.name == "struct" and not value.name:  # else a message, whose fields have types of their own
            yield [entry.value for entry in value.entries]
        if field.message_type:
            for part in value if field.name in ("args", "elements", "entries") else [value]:
                yield from _literals(part)


@functools.cache
def _checked_expression() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="checked.proto", package="checked", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, (number, text) in fields.items():
            kind = {"int": kinds.TYPE_INT64, "bytes": kinds.TYPE_BYTES}.get(text, kinds.TYPE_MESSAGE)
            label = kinds.LABEL_REPEATED if text.endswith("*") else kinds.LABEL_OPTIONAL
            field = message.field.add(name=field_name, number=number, type=kind, label=label)
            if kind == kinds.TYPE_MESSAGE:
                field.type_name = f".checked.{text.rstrip('*')}"
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("checked.CheckedExpr"))
