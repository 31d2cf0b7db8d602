"""`image --fill`: manifests that name what was pushed by its digest, and what a job expects of its volume."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from containers.registry import Registry, loopback_registry
from tests.deploy.manifests import FILES, FOLDER, containers, documents, pod_specs
from tests.support.world import World, refused

from package_cache.cache.layout import CacheFolder
from package_cache.errors import UsageError
from package_cache.filesystem.paths import sha256_of
from package_cache.image.kubernetes import KubernetesManifest, read_manifests
from package_cache.oci.skopeo import Destination

MANIFEST = """\
# A pod, with `image: localhost:5000/package-cache:volume` in a comment.
apiVersion: v1
kind: Pod
spec:
  containers:
    - image: ubuntu:18.04 # the job's own
      env:
        - name: PACKAGE_CACHE_EXPECT
          value: "" # expect: install_group.sh edit
  volumes:
    - name: cache
      image:
        reference: "localhost:5000/package-cache:volume" # of this build
    - name: another
      image: { reference: other/package-cache:volume-2 }
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with loopback_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def built(world: World) -> World:
    world.built("edit,ubuntu18.04,editor\nview,ubuntu18.04,viewer\n")
    return world


def image(world: World, to: str, *files: Path) -> tuple[int, str, str]:
    words = [word for file in files for word in ("--fill", str(file))]
    return world.run(
        "image", "--cache", str(world.cache), "--state", str(world.folder / "state"), "--output", to, *words
    )


def written(world: World, text: str = MANIFEST) -> Path:
    file = world.folder / "pod.yaml"
    file.write_text(text)
    return file


def tags(registry: Registry) -> list[str]:
    with urlopen(f"http://{registry.host}/v2/_catalog", timeout=10) as answer:
        names: list[str] = json.load(answer)["repositories"]
    return names


def test_only_the_reference_and_what_is_expected_change(built: World, registry: Registry) -> None:
    file = written(built)
    file.chmod(0o640)
    link = built.folder / "link.yaml"
    link.symlink_to(file)
    status, out, err = image(built, f"docker://{registry.host}/package-cache:volume", link)
    assert status == 0, err
    digest = out.splitlines()[1]
    assert out.endswith(f"{digest}\n{link}: 1 by digest, 1 with what is expected\n")
    installer, group = (
        sha256_of(built.cache / "install_group.sh"),
        sha256_of(built.cache / "groups/edit-ubuntu18.04/Release"),
    )
    expected = MANIFEST.replace('""', f'"edit={group} install_group.sh={installer}"').replace(
        '"localhost:5000/package-cache:volume"', f'"{registry.host}/package-cache:volume@{digest}"'
    )
    assert file.read_text() == expected
    assert (link.is_symlink(), file.stat().st_mode & 0o777) == (True, 0o640)


def test_a_manifest_is_filled_in_again(built: World, registry: Registry) -> None:
    file = written(built)
    to = f"docker://{registry.host}/package-cache:volume"
    assert image(built, to, file)[0] == 0
    before = file.read_text()
    assert image(built, to, file)[0] == 0
    assert file.read_text() == before
    built.add("editor", "1.1")
    assert built.online("lock")[0] == 0
    assert built.build()[0] == 0
    status, out, _ = image(built, to, file)
    assert (status, out.splitlines()[1] in file.read_text(), file.read_text() != before) == (0, True, True)
    assert file.read_text().count("@sha256:") == 1


def test_all_that_is_wrong_is_said_before_anything_is_made(built: World, registry: Registry) -> None:
    file = written(built, MANIFEST.replace("expect: install_group.sh edit", "expect: edit other third"))
    binary = built.folder / "binary.yaml"
    binary.write_bytes(b"\xff")
    status, _, err = image(built, f"docker://{registry.host}/never:volume", file, binary, built.folder / "none.yaml")
    assert status == 2
    assert f"{file}:9: the cache does not have other, third" in err
    assert f"{binary}: 'utf-8' codec can't decode" in err
    assert f"{built.folder}/none.yaml: No such file or directory" in err
    assert "never" not in tags(registry)


def test_manifests_of_another_image(built: World, registry: Registry) -> None:
    file = written(built)
    told = "none of them has `image:` or `reference:` with a name that ends in other:volume"
    refused(image(built, f"docker://{registry.host}/other:volume", file), 2, told)
    refused(image(built, f"oci:{built.folder}/layout:volume", file), 2, "no cluster pulls from oci:")
    assert file.read_text() == MANIFEST


def test_the_settings_of_injection_name_the_digest(tmp_path: Path) -> None:
    to = Destination.parse("docker://registry.example/package-cache:volume")
    (file := tmp_path / "settings.yaml").write_text((FOLDER / "inject/settings.yaml").read_text())
    KubernetesManifest(file, file.read_text()).fill(to, f"sha256:{'0' * 64}", ())
    settings = documents(file)[1]["data"]
    assert settings["image"] == f"registry.example/package-cache:volume@sha256:{'0' * 64}"
    assert settings["enter.sh"] == documents(FOLDER / "inject/settings.yaml")[1]["data"]["enter.sh"]


@pytest.mark.parametrize("form", ["init", "volume", "runtime"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_reference_of_our_manifests_is_found(form: str, file: Path) -> None:
    to = Destination.parse(f"docker://registry.example/package-cache:{form}")
    once = {id(container): container for container in containers(file)}  # aliases of the file are one value
    references = [container["image"] for container in once.values()]
    references += [
        volume["image"]["reference"] for spec in pod_specs(file) for volume in spec["volumes"] if "image" in volume
    ]
    references += [document["data"]["image"] for document in documents(file) if "image" in document.get("data", {})]
    found = KubernetesManifest(file, file.read_text()).references(to)
    assert found == references.count(f"localhost:5000/package-cache:{form}")


FORMS = """\
list:
  - - 'image' : 'localhost:5000/package-cache:volume'
  -   image: &cache localhost:5000/package-cache:volume
  - { name: a, image: localhost:5000/package-cache:volume, "reference":"localhost:5000/package-cache:volume"}
  - {image: !!str "localhost:5000/package-cache:volume"} # { image: localhost:5000/package-cache:volume }
  # { image: localhost:5000/package-cache:volume }
  - image: localhost:5000/package-cache:volume-2
  - image: localhost:5000/package-cache
"""


def test_each_form_of_a_reference(tmp_path: Path) -> None:
    """Lists, quotes, braces, anchors and tags of YAML 1.2; ends of lines and the mark at the file's start stay."""
    old, new = "localhost:5000/package-cache:volume", f"host:1/package-cache:volume@sha256:{'0' * 64}"
    (file := tmp_path / "pod.yaml").write_bytes(f"\ufeffimage: {old}\n{FORMS}".replace("\n", "\r\n").encode())
    manifest = KubernetesManifest(file, file.read_bytes().decode())
    filled = manifest.fill(Destination.parse("docker://host:1/package-cache:volume"), f"sha256:{'0' * 64}", ())
    assert filled.references == 6
    first, *rest = file.read_bytes().decode().split("\r\n")
    assert first == f"\ufeffimage: {new}"
    expected = FORMS.replace(old, new).replace(f"{new}-2", f"{old}-2").split("\n")
    comments = {4: 1, 5: 0}
    for number, count in comments.items():
        head, _, comment = expected[number].partition("#")
        expected[number] = f"{head}#{comment.replace(new, old)}"
        assert head.count(new) == count
    assert rest == expected


def test_the_tag_that_nothing_names(tmp_path: Path) -> None:
    digest = f"sha256:{'0' * 64}"
    text = (
        f"- image: cache\n- image: a/cache:latest\n- image: cache@{digest}\n- image: cache:1\n- image: cache:5000/a\n"
    )
    (file := tmp_path / "pod.yaml").write_text(text)
    assert KubernetesManifest(file, text).fill(Destination.parse("docker://host/cache"), digest, ()).references == 2
    assert file.read_text().splitlines() == [
        *[f"- image: host/cache:latest@{digest}"] * 2, *text.splitlines()[2:],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    ["value: # expect: edit", "value: old # expect: edit", 'value: "" # expect: ', '[{ value: "" }] # expect: edit'],
)
def test_an_expectation_that_cannot_be_filled_in(built: World, registry: Registry, line: str) -> None:
    """Else the job would take whatever lies on its volume."""
    file = written(built, MANIFEST.replace('value: "" # expect: install_group.sh edit', line))
    told = f"{file}:9: `# expect:` is not behind a value in quotes, or names no group"
    refused(image(built, f"docker://{registry.host}/never:volume", file), 2, told)
    assert "never" not in tags(registry)


def test_a_manifest_that_is_edited_meanwhile(built: World, tmp_path: Path) -> None:
    file = written(built)
    to = Destination.parse("docker://registry.example/package-cache:volume")
    [manifest] = read_manifests([file, file], to, CacheFolder(built.cache))
    edited = f"{MANIFEST}# edited\n"
    file.write_text(edited)
    with pytest.raises(UsageError, match="it was changed while the image was made"):
        manifest.fill(to, f"sha256:{'0' * 64}", ())
    assert file.read_text() == edited
