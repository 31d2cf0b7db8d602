"""The admission policies of `deploy/inject/`, applied to pods without an API server.

A CEL engine with a type checker, Google's C++ one, evaluates the expressions as they stand in the YAML. It lacks what
Kubernetes adds to CEL, of which the policies use two things, supplied here: the type `JSONPatch` (k8s.io/apiserver,
pkg/cel/mutation/jsonpatch.go), as a protobuf message whose `value` can be any JSON, and `lists.range` (cel-go,
ext/lists.go). It accepts lists and maps of mixed types, which Kubernetes refuses: `mixed_literals` finds them. Not
simulated are the selectors of a policy and the limits of cost.
"""

import copy
import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonpatch
from cel_expr_python import cel
from cel_expr_python.ext import ext_strings
from google.protobuf import descriptor_pb2, json_format, struct_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from tests.deploy.checked_expressions import mixed_literals
from tests.deploy.manifests import FOLDER, Document, documents

POLICIES = {document["kind"]: document for document in documents(FOLDER / "inject/policy.yaml")}
SETTINGS = next(one for one in documents(FOLDER / "inject/settings.yaml") if one["kind"] == "ConfigMap")

RETURNED = {"mutation": "LIST<JSONPatch>", "validation": "BOOL", "message": "STRING", "variable": ""}
"""The type that the API server requires of an expression (k8s.io/apiserver, the methods ReturnTypes)."""


class RefusedError(Exception):
    """A pod is refused, with all messages in the order of the policy."""


def admitted(pod: Document, settings: Mapping[str, str] | None = None) -> Document:
    """Return the pod as the API server would store it. Raises `RefusedError`."""
    changed = mutated(pod, settings)
    if messages := list(_refusals(changed, settings)):
        raise RefusedError("\n".join(messages))
    return changed


def mutated(pod: Document, settings: Mapping[str, str] | None = None) -> Document:
    """Return what the mutating policy makes of a pod with the label."""
    params = _params(settings)
    for mutation in POLICIES["MutatingAdmissionPolicy"]["spec"]["mutations"]:
        found = _evaluate("MutatingAdmissionPolicy", "mutation", mutation["jsonPatch"]["expression"], pod, params)
        patch = [json_format.MessageToDict(one) for one in found]
        pod = _stored(jsonpatch.apply_patch(pod, _with_integers(patch)))
    return pod


def _refusals(pod: Document, settings: Mapping[str, str] | None) -> Iterator[str]:
    kind = "ValidatingAdmissionPolicy"
    params = _params(settings)
    spec = POLICIES[kind]["spec"]
    conditions = [one["expression"] for one in spec["matchConditions"]]
    if not all(_evaluate(kind, "validation", condition, pod, params) for condition in conditions):
        return
    for validation in spec["validations"]:
        if not _evaluate(kind, "validation", validation["expression"], pod, params):
            text = validation.get("messageExpression")
            yield validation["message"] if text is None else _evaluate(kind, "message", text, pod, params)


def _params(settings: Mapping[str, str] | None) -> Document:
    return {**SETTINGS, "data": SETTINGS["data"] | dict(settings or {})}


def _evaluate(kind: str, use: str, expression: str, pod: Document, params: Document) -> Any:
    """Evaluate an expression of a policy. Raises `AssertionError` with what the API server would write into its log."""
    data: dict[str, Any] = {"object": pod, "params": params}
    types: tuple[tuple[str, str], ...] = ()
    for variable in POLICIES[kind]["spec"]["variables"]:
        program, type_name = _compiled(variable["expression"], "variable", types)
        name = f"variables.{variable['name']}"
        data[name] = _value_of(program, data)
        types += ((name, type_name),)
    return _value_of(_compiled(expression, use, types)[0], data)


def _value_of(program: cel.Expression, data: Mapping[str, Any]) -> Any:
    value = program.eval(data=dict(data))
    assert value.type() != cel.Type.ERROR, value.value()
    return value.plain_value()


@functools.cache
def _compiled(expression: str, use: str, types: tuple[tuple[str, str], ...]) -> tuple[cel.Expression, str]:
    """Return the checked expression and the name of its type."""
    variables = {"object": cel.Type.DYN, "params": cel.Type.DYN} | {
        name: _TYPES[type_name] for name, type_name in types
    }
    integers = cel.Type.List(cel.Type.INT)
    of_range = cel.Overload(
        "lists_range", return_type=integers, parameters=[cel.Type.INT], impl=lambda size: list(range(size))
    )
    environment = cel.NewEnv(
        _types_of_kubernetes(),
        variables=variables,
        extensions=[ext_strings.ExtStrings()],
        functions=[cel.FunctionDecl("lists.range", [of_range])],
    )
    program = environment.compile(expression)
    returned = str(program.return_type())
    assert RETURNED[use] in ("", returned), f"{returned}: {expression}"
    assert mixed_literals(program.serialize()) == 0, expression
    return program, returned


_TYPES = {
    str(one): one
    for one in (
        cel.Type.DYN,
        cel.Type.STRING,
        cel.Type.BOOL,
        cel.Type.MAP,
        cel.Type.List(cel.Type.STRING),
        cel.Type.List(cel.Type.INT),
    )
}


@functools.cache
def _types_of_kubernetes() -> DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="patch.proto", syntax="proto3")
    file.dependency.append(struct_pb2.DESCRIPTOR.name)
    message = file.message_type.add(name="JSONPatch")
    field = descriptor_pb2.FieldDescriptorProto
    for number, name in enumerate(("op", "from", "path", "value"), start=1):
        described = message.field.add(name=name, number=number, label=field.LABEL_OPTIONAL, type=field.TYPE_STRING)
        if name == "value":
            described.type, described.type_name = field.TYPE_MESSAGE, ".google.protobuf.Value"
    pool = DescriptorPool()
    pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return pool


def _with_integers(value: Any) -> Any:
    """Return JSON whose numbers are written without a fraction where they have none, as Go writes them."""
    return json.loads(
        json.dumps(value), parse_float=lambda text: int(float(text)) if float(text).is_integer() else float(text)
    )


def _stored(pod: Document) -> Document:
    """Return the pod without empty arrays: after each mutation Go decodes it to a Pod and omits them (`omitempty`)."""
    pod = copy.deepcopy(pod)
    spec = pod["spec"]
    for owner in (spec, *spec["containers"], *spec.get("initContainers", ())):
        for key in [key for key, value in owner.items() if value == []]:
            del owner[key]
    return pod
