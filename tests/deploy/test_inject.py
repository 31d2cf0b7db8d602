"""The policies of deploy/inject/ over pods: what they change, what they refuse and why, and that twice is once."""

import copy
import re
from dataclasses import dataclass, field
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from cel_expr_python import cel
from tests.deploy.admission import POLICIES, SETTINGS, RefusedError, admitted, mutated
from tests.deploy.checked_expressions import mixed_literals
from tests.deploy.manifests import Document

from package_cache.names import GROUP_NAME

IMAGE = SETTINGS["data"]["image"]
ENTER = SETTINGS["data"]["enter.sh"]
INIT = {"form": "init", "image": "localhost:5000/package-cache:init@sha256:" + "a" * 64}
LEAVE = {"without-command": "leave"}


def pod(
    *containers: Document, groups: str | None = "ssh", annotations: Document | None = None, **spec: Any
) -> Document:
    """Return a pod as it reaches admission: with the defaults that matter here, without empty arrays."""
    named = {"package-cache/groups": groups} if groups is not None else {}
    metadata: Document = {"name": "job", "labels": {"package-cache": "enabled"}}
    if annotations or named:
        metadata["annotations"] = named | (annotations or {})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": list(containers), **spec}}


def container(name: str = "job", *command: str, **rest: Any) -> Document:
    words = {"command": list(command)} if command else {}
    return {"name": name, "image": "ubuntu:18.04", "terminationMessagePath": "/dev/termination-log", **words, **rest}


def mount(name: str, path: str) -> Document:
    return {"name": name, "mountPath": path}


NAMED = {"package-cache/containers": "job"}
CONTINUE = {"package-cache/on-miss": "continue"}
SLEEP = container("job", "sleep", "1")
TOKEN = mount("kube-api-access-x", "/var/run/secrets/kubernetes.io/serviceaccount")
TOKENS = [{"name": "kube-api-access-x", "emptyDir": {}}]
ODD = ["printf", "%s|", "", " a  b ", "$(HOME) $$ `x` \"'\\", "--", "--continue", "é\n"]


@dataclass(frozen=True)
class Admitted:
    """A pod that is admitted, and the containers that get the packages."""

    what: str
    pod: Document
    changed: tuple[str, ...] = ("job",)
    settings: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ("ssh", "--")

    def __str__(self) -> str:
        return self.what


NEIGHBOUR = container("neighbour", "redis")
MOUNTED = {**NEIGHBOUR, "volumeMounts": [TOKEN]}
IMAGES_OWN = container("proxy")
FIRST = [container("first", "true")]
MANY = " ".join(["a" * 64] * 16)
# fmt: off
ADMITTED = [
    Admitted("no arrays at all", pod(SLEEP)),
    Admitted("arguments beside the command", pod(container("job", "sh", "-c", args=["exit 3"]))),
    Admitted("odd words in the command", pod(container("job", *ODD))),
    Admitted("mounts and volumes of a service account", pod({**SLEEP, "volumeMounts": [TOKEN]}, volumes=TOKENS)),
    Admitted("mounts of the second alone", pod(SLEEP, MOUNTED, volumes=TOKENS), ("job", "neighbour")),
    Admitted("two containers", pod(SLEEP, NEIGHBOUR), ("job", "neighbour")),
    Admitted("one of two, by name", pod(SLEEP, NEIGHBOUR, annotations=NAMED)),
    Admitted("the second, by name", pod(NEIGHBOUR, SLEEP, annotations={"package-cache/containers": " job "})),
    Admitted("no command, not named", pod(SLEEP, IMAGES_OWN, annotations=NAMED)),
    Admitted("a container without a command that is left alone", pod(IMAGES_OWN, SLEEP), settings=LEAVE),
    Admitted("only such a container", pod(IMAGES_OWN), (), LEAVE),
    Admitted("several groups with many blanks", pod(SLEEP, groups="  ssh   nfs "), words=("ssh nfs", "--")),
    Admitted("sixteen groups", pod(SLEEP, groups=MANY), words=(MANY, "--")),
    Admitted("all characters of a group's name", pod(SLEEP, groups="0a+b._-c"), words=("0a+b._-c", "--")),
    Admitted("a miss is no reason to stop", pod(SLEEP, annotations=CONTINUE), words=("--continue", "ssh", "--")),
    Admitted("a miss is one, said", pod(SLEEP, annotations={"package-cache/on-miss": "fail"})),
    Admitted("init containers of its own", pod(SLEEP, initContainers=FIRST)),
    Admitted("by an init container", pod(SLEEP), settings=INIT),
    Admitted("before its own init containers", pod(SLEEP, NEIGHBOUR, initContainers=FIRST), ("job", "neighbour"), INIT),
    Admitted("it may miss", pod(SLEEP, annotations=CONTINUE), settings=INIT, words=("--continue", "ssh", "--")),
    Admitted("by an init container, left alone", pod(IMAGES_OWN), (), INIT | LEAVE),
]
# fmt: on


@pytest.mark.parametrize("case", ADMITTED, ids=str)
def test_a_pod_that_is_admitted(case: Admitted) -> None:
    before = copy.deepcopy(case.pod)
    changed = admitted(case.pod, case.settings)
    assert case.pod == before
    kubernetes_validate.validate(changed, "1.36", strict=True)
    wrapper = ["sh", "-c", ENTER, "package-cache-enter", *case.words]
    for old, new in zip(before["spec"]["containers"], changed["spec"]["containers"], strict=True):
        if old["name"] in case.changed:
            mounts = [*old.get("volumeMounts", ()), mount("package-cache", "/package_cache") | {"readOnly": True}]
            assert new == old | {"command": wrapper + old["command"], "volumeMounts": mounts}
        else:
            assert new == old
    ours = _volumes_and_init_containers(case) if case.changed else ([], [])
    for key, added, first in (("volumes", ours[0], False), ("initContainers", ours[1], True)):
        own = before["spec"].get(key, [])
        assert changed["spec"].get(key, []) == (added + own if first else own + added)
    assert changed["metadata"] == before["metadata"]


def _volumes_and_init_containers(case: Admitted) -> tuple[list[Document], list[Document]]:
    if case.settings.get("form") != "init":
        return [{"name": "package-cache", "image": {"reference": IMAGE, "pullPolicy": "IfNotPresent"}}], []
    (found,) = [
        one for one in admitted(case.pod, case.settings)["spec"]["initContainers"] if one["name"] == "package-cache"
    ]
    optional = ["--optional"] if "--continue" in case.words else []
    assert found["args"] == [*optional, "--to", "/package_cache", "--", *case.words[-2].split()]
    assert found["image"] == INIT["image"]
    assert found["securityContext"]["runAsUser"] == 65532
    return [{"name": "package-cache", "emptyDir": {"sizeLimit": "256Mi"}}], [found]


@pytest.mark.parametrize("case", ADMITTED, ids=str)
def test_a_second_admission_changes_nothing(case: Admitted) -> None:
    once = admitted(case.pod, case.settings)
    assert mutated(once, case.settings) == once
    assert admitted(once, case.settings) == once


NAMES = "names no container of this pod, or others"
NO_COMMAND = "these containers state no command, and only their images know what they run: proxy, other. Write their"
OWN = "a volume package-cache or a mount at /package_cache of its own"
WORDS_OF_MISS = "fail (the default: the container ends) or continue"
MINE = [{"name": "mine", "emptyDir": {}}]
GROUPS = "package-cache/groups names no groups, or wrong ones: write 1 to 16 names"
OWN_VOLUME = [{"name": "package-cache", "emptyDir": {}}]
REFUSED = {
    "no annotation": (pod(SLEEP, groups=None), {}, GROUPS),
    "an empty one": (pod(SLEEP, groups=""), {}, GROUPS),
    "blanks alone": (pod(SLEEP, groups="   "), {}, GROUPS),
    "an option": (pod(SLEEP, groups="--root=/"), {}, GROUPS),
    "an option behind a group": (pod(SLEEP, groups="ssh --root=/"), {}, GROUPS),
    "a command": (pod(SLEEP, groups="ssh;reboot"), {}, GROUPS),
    "a substitution": (pod(SLEEP, groups="$(reboot)"), {}, GROUPS),
    "a path": (pod(SLEEP, groups="../ssh"), {}, GROUPS),
    "a line end": (pod(SLEEP, groups="ssh\n"), {}, GROUPS),
    "a line end between": (pod(SLEEP, groups="ssh\nnfs"), {}, GROUPS),
    "a comma": (pod(SLEEP, groups="ssh,nfs"), {}, GROUPS),
    "a capital letter": (pod(SLEEP, groups="SSH"), {}, GROUPS),
    "another alphabet": (pod(SLEEP, groups="ѕѕh"), {}, GROUPS),
    "a long name": (pod(SLEEP, groups="a" * 65), {}, GROUPS),
    "many groups": (pod(SLEEP, groups=" ".join("abcdefghijklmnopq")), {}, GROUPS),
    "a long text": (pod(SLEEP, groups="ssh" + " " * 1037), {}, GROUPS),
    "a text as long as an annotation can be": (pod(SLEEP, groups="ssh " * 65536), {}, GROUPS),
    "another label": (
        {**pod(SLEEP), "metadata": {"name": "job", "labels": {"package-cache": "true"}}},
        {},
        "the value enabled or disabled: write one of them",
    ),
    "another word for a miss": (pod(SLEEP, annotations={"package-cache/on-miss": "ignore"}), {}, WORDS_OF_MISS),
    "no command": (pod(IMAGES_OWN, SLEEP, container("other")), {}, NO_COMMAND),
    "arguments alone": (pod(container("job", args=["x"])), {}, "these containers state no command"),
    "no command of a named container": (
        pod(IMAGES_OWN, SLEEP, annotations={"package-cache/containers": "proxy"}), {}, "state no command",
    ),
    "a container that is not there": (pod(SLEEP, annotations={"package-cache/containers": "job other"}), {}, NAMES),
    "no name of a container": (pod(SLEEP, annotations={"package-cache/containers": " "}), {}, NAMES),
    "a very long list of containers": (pod(SLEEP, annotations={"package-cache/containers": "job " * 2000}), {}, NAMES),
    "a volume of that name": (pod(SLEEP, volumes=OWN_VOLUME), {}, OWN),
    "a mount at that path": (pod({**SLEEP, "volumeMounts": [mount("mine", "/package_cache")]}, volumes=MINE), {}, OWN),
    "an init container of that name": (
        pod(SLEEP, initContainers=[container("package-cache", "true")]), INIT, "an init container package-cache of its",
    ),
    "a script of its own in that place": (
        pod(container("job", "sh", "-c", "exit", "package-cache-enter", "ssh", "--", "x")), {},
        "a command is not the one that installs the packages first",
    ),
    "a form that is none": (pod(SLEEP), {"form": "other"}, "has the form volume or init"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_pod_that_is_refused(what: str) -> None:
    refused, settings, words = REFUSED[what]
    with pytest.raises(RefusedError, match=re.escape(words)):
        admitted(refused, settings)


def test_a_wrong_annotation_changes_nothing() -> None:
    for refused, settings, words in REFUSED.values():
        if words is GROUPS:
            assert mutated(refused, settings) == refused


def test_a_pod_that_no_mutation_reached_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(POLICIES["MutatingAdmissionPolicy"]["spec"], "mutations", [])
    with pytest.raises(RefusedError, match=r"It was not changed \(the API server must be 1.36 or newer"):
        admitted(pod(SLEEP))


def test_a_container_that_a_webhook_adds_later_is_refused() -> None:
    changed = admitted(pod(SLEEP))
    changed["spec"]["containers"].append(container("mesh", "proxy"))
    changed["metadata"]["annotations"]["package-cache/on-miss"] = "fail"
    with pytest.raises(RefusedError, match="Name the containers that need the packages in the annotation"):
        _validated(changed)
    changed["metadata"]["annotations"]["package-cache/containers"] = "job"
    _validated(changed)


def _validated(changed: Document) -> None:
    """Refuse as the validating policy does, after all mutations and webhooks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(POLICIES["MutatingAdmissionPolicy"]["spec"], "mutations", [])
        admitted(changed)


def test_a_disabled_pod_is_left_alone() -> None:
    disabled = pod(SLEEP, groups=None)
    disabled["metadata"]["labels"]["package-cache"] = "disabled"
    with pytest.MonkeyPatch.context() as patch:  # its selector does not match
        patch.setitem(POLICIES["MutatingAdmissionPolicy"]["spec"], "mutations", [])
        assert admitted(disabled) == disabled


def test_the_policies_select_labelled_pods_and_refuse_without_settings() -> None:
    mutating, validating = POLICIES["MutatingAdmissionPolicy"]["spec"], POLICIES["ValidatingAdmissionPolicy"]["spec"]
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}]
    assert mutating["matchConstraints"] == {
        "objectSelector": {"matchLabels": {"package-cache": "enabled"}}, "resourceRules": rules,
    }  # fmt: skip
    assert validating["matchConstraints"]["resourceRules"] == rules
    place = {key: SETTINGS["metadata"][key] for key in ("name", "namespace")}
    for kind, spec in (("MutatingAdmissionPolicy", mutating), ("ValidatingAdmissionPolicy", validating)):
        binding = POLICIES[f"{kind}Binding"]["spec"]
        assert spec["failurePolicy"] == "Fail"
        assert binding["policyName"] == POLICIES[kind]["metadata"]["name"]
        assert binding["paramRef"] == place | {"parameterNotFoundAction": "Deny"}


@pytest.mark.parametrize(
    ("expression", "mixed"),
    [
        ("['a', object.b]", 1),
        ("['a', object.b['c']]", 1),
        ("['a', string(object.b['c'])]", 0),
        ("{'a': 1, 'b': 'c'}", 1),
        ("{'a': dyn(1), 'b': dyn('c')}", 0),
        ("[1].map(number, {'a': number, 'b': [number, 'c']})", 2),
        ("has(object.b) ? [['a', 1]] : []", 1),
    ],
)
def test_literals_of_mixed_types_are_found(expression: str, mixed: int) -> None:
    """Kubernetes compiles none of them; the engine of these tests does."""
    program = cel.NewEnv(variables={"object": cel.Type.DYN}).compile(expression)
    assert mixed_literals(program.serialize()) == mixed


def test_messages_are_single_lines() -> None:
    """The API server refuses a policy, or drops a message, with line ends (k8s.io/kubernetes, pkg/apis)."""
    for validation in POLICIES["ValidatingAdmissionPolicy"]["spec"]["validations"]:
        text = validation.get("message") or validation["messageExpression"]
        assert "\n" not in text + validation["expression"]


def test_both_policies_read_the_annotations_alike() -> None:
    mutating, validating = (
        [(one["name"], one["expression"]) for one in POLICIES[kind]["spec"]["variables"]]
        for kind in ("MutatingAdmissionPolicy", "ValidatingAdmissionPolicy")
    )
    assert mutating[:7] == validating[:7]
    (valid,) = [expression for name, expression in mutating if name == "valid"]
    assert f"'^{GROUP_NAME.pattern}$'" in valid


def test_the_script_is_what_a_kubelet_leaves_alone() -> None:
    """It replaces $(NAME), and $$ by $, in a command (k8s.io/kubernetes, third_party/forked/golang/expansion)."""
    assert "$$" not in ENTER
    assert all(" " in found for found in re.findall(r"\$\(([^)]*)\)", ENTER))
