"""Whole builds: the log is docker's, the image is what its Dockerfile says, failures say why."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import struct
import subprocess
import tarfile
from pathlib import Path

import pytest

from helpers.localcloud.builder import BuildFailed, BuildStopped
from helpers.localcloud.builder.stage import architecture
from tests.builder.bench import Bench, Shelf


def failure(bench, dockerfile: str = "", **options) -> str:
    with pytest.raises(BuildFailed) as failed:
        bench.build(dockerfile, **options)
    assert bench.log[-1] == str(failed.value).splitlines()[-1]
    return str(failed.value)


def test_the_log_is_dockers(bench):
    bench.write({"a.txt": "a"})
    image = bench.build(
        "ARG BASE=scratch\nFROM python:3\nENV A=b\nWORKDIR /app\nCOPY . ./\nRUN echo hello\n",
        tags=["gcr.io/hands-on/a", "b:1"],
        build_args={"UNKNOWN": "1"},
    )
    config = json.loads(bench.shelf.blobs.read(image.digest))["config"]["digest"]
    patterns = [
        r"Sending build context to Docker daemon  3.072kB",
        r"Step 1/6 : ARG BASE=scratch",
        r"Step 2/6 : FROM python:3",
        r"python:3 is not pulled: it stands for the Python 3\.\d+\.\d+.* of this environment, .*\.",
        r" ---> [0-9a-f]{12}",
        r"Step 3/6 : ENV A=b",
        r" ---> Running in (?P<one>[0-9a-f]{12})",
        r"Removing intermediate container (?P=one)",
        r" ---> [0-9a-f]{12}",
        r"Step 4/6 : WORKDIR /app",
        r" ---> Running in (?P<two>[0-9a-f]{12})",
        r"Removing intermediate container (?P=two)",
        r" ---> [0-9a-f]{12}",
        r"Step 5/6 : COPY \. \./",
        r" ---> [0-9a-f]{12}",
        r"Step 6/6 : RUN echo hello",
        r" ---> Running in (?P<three>[0-9a-f]{12})",
        r"hello",
        r"Removing intermediate container (?P=three)",
        r" ---> (?P<id>[0-9a-f]{12})",
        r"\[Warning\] One or more build-args \[UNKNOWN\] were not consumed",
        r"Successfully built (?P=id)",
        r"Successfully tagged gcr.io/hands-on/a:latest",
        r"Successfully tagged b:1",
    ]
    match = re.fullmatch("\n".join(patterns), "\n".join(bench.log))
    assert match, bench.log
    assert config.startswith(f"sha256:{match['id']}")


def test_the_configuration_describes_the_layers(bench):
    bench.write({"a.txt": "a"})
    image = bench.build("FROM scratch\nMAINTAINER me\nCOPY a.txt /\nLABEL x=y\nCOPY a.txt /b\n")
    assert (image.config["os"], image.config["created"]) == ("linux", "2026-11-24T12:00:00Z")
    assert image.config["author"] == "me"
    machine = {"amd64": "x86_64", "arm64": "aarch64"}[image.config["architecture"]]
    assert machine == platform.machine()
    assert image.run["Labels"] == {"x": "y"}
    data = [bench.shelf.blobs.read(layer["digest"]) for layer in image.layers]
    assert image.config["rootfs"] == {
        "type": "layers",
        "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in data],
    }
    assert [layer["size"] for layer in image.layers] == [len(layer) for layer in data]
    history = image.config["history"]
    assert [bool(entry.get("empty_layer")) for entry in history] == [True, False, True, False]
    assert history[2]["created_by"] == "/bin/sh -c #(nop)  LABEL x=y"


@pytest.mark.parametrize(
    "dockerfile", ["FROM scratch\nCOPY . /\n", "FROM python\nRUN echo 1 >/x\n"]
)
def test_skopeo_accepts_the_image(bench, dockerfile, tmp_path):
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed")
    image = bench.build(dockerfile)
    layout = tmp_path / "layout"
    (layout / "blobs/sha256").mkdir(parents=True)
    manifest = json.loads(bench.shelf.blobs.read(image.digest))
    for digest in (image.digest, *(e["digest"] for e in (manifest["config"], *manifest["layers"]))):
        target = layout / "blobs/sha256" / digest.removeprefix("sha256:")
        target.write_bytes(bench.shelf.blobs.read(digest))
    entry = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": image.digest,
        "size": bench.shelf.blobs.size(image.digest),
    }
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    policy, result = tmp_path / "policy.json", tmp_path / "result"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    copied = subprocess.run(
        [
            "skopeo",
            "--policy",
            policy,
            "copy",
            "--format=v2s2",
            f"oci:{layout}",
            f"dir:{result}",
        ],
        capture_output=True,
        text=True,
    )
    assert copied.returncode == 0, copied.stderr
    inspected = subprocess.run(
        ["skopeo", "inspect", "--config", f"dir:{result}"], capture_output=True, text=True
    )
    assert json.loads(inspected.stdout)["history"][-1]["created"] == "2026-11-24T12:00:00Z"


def test_the_same_files_make_the_same_image_in_another_home(bench, tmp_path):
    bench.write({"app/main.py": "print()", "app/data/x": "x"})
    for path in bench.context.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    dockerfile = "FROM python\nWORKDIR /app\nCOPY app .\nFROM scratch\nCOPY --from=0 /app /app\n"
    first = bench.build(dockerfile)
    assert bench.build(dockerfile).digest == first.digest
    twin = Bench(Shelf.make(tmp_path / "twin"), bench.context)
    assert twin.build(dockerfile).digest == first.digest


def test_a_step_runs_in_the_image_with_its_variables(bench):
    image = bench.build(
        "FROM python\nARG A=default\nARG B=2\nENV C=3\nWORKDIR /app\n"
        'RUN echo "$A $B $C $HOME $(pwd)" > out\nRUN ["cp", "out", "copy"]\n'
        'SHELL ["/bin/bash", "-c"]\nRUN [[ a == a ]] && echo bash > shell\n',
        build_args={"A": "given"},
    )
    assert bench.text(image, "app/copy") == "given 2 3 /root /app\n"
    assert bench.text(image, "app/shell") == "bash\n"
    names = {pair.partition("=")[0] for pair in image.run["Env"]}
    assert "C" in names and not names & {"A", "B", "HOME"}
    assert not any(name.startswith("PIP_") for name in names)
    assert image.config["history"][5]["created_by"].startswith("|2 A=given B=2 /bin/sh -c echo")


def test_a_heredoc_is_a_script(bench):
    image = bench.build(
        "FROM python\nRUN <<EOF\necho one > /one\necho two > /two\nEOF\n"
        "RUN <<EOF\n#!/usr/local/bin/python3\nopen('/three', 'w').write('3')\nEOF\n"
        "RUN cat <<A > /four && cat <<B > /five\nfour\nA\nfive\nB\n"
    )
    texts = [bench.text(image, name) for name in ("one", "two", "three", "four", "five")]
    assert texts == ["one\n", "two\n", "3", "four\n", "five\n"]
    assert bench.tree(image).node("run/heredoc") is None


def test_a_step_that_changes_nothing_adds_no_layer(bench):
    image = bench.build("FROM python\nRUN true\nRUN python3 -c 'import json'\n")
    assert len(image.layers) == 1
    assert [e.get("empty_layer") for e in image.config["history"][1:]] == [True, True]


def test_a_deleted_file_is_gone_from_the_image(bench):
    bench.write({"keep": "k", "secret": "s", "d/x": "x"})
    image = bench.build("FROM python\nCOPY . /a/\nRUN rm /a/secret && rm -r /a/d && mkdir /a/d\n")
    assert sorted(bench.tree(image).names("a")) == ["Dockerfile", "d", "keep"]
    assert bench.tree(image).names("a/d") == []
    with tarfile.open(bench.shelf.blobs.path(image.layers[-1]["digest"])) as layer:
        assert {"a/.wh.secret", "a/d/.wh..wh..opq"} <= set(layer.getnames())


def test_a_later_stage_takes_files_from_an_earlier_one(bench):
    image = bench.build(
        "FROM python AS Build\nRUN mkdir /out && echo built > /out/a && ln -s a /out/l\n"
        "FROM build AS again\nRUN echo again >> /out/a\n"
        "FROM scratch\nCOPY --from=build /out/a /one\nCOPY --from=1 /out /two/\n"
    )
    assert bench.text(image, "one") == "built\n"
    assert bench.text(image, "two/l") == "built\nagain\n"
    assert bench.tree(image).names("") == ["one", "two"]
    with pytest.raises(OSError, match="Invalid argument"):
        os.readlink(bench.tree(image).node("two/a").path)


def test_a_target_ends_the_build_early(bench):
    image = bench.build(
        "FROM scratch AS a\nCOPY Dockerfile /a\nFROM scratch\nCOPY nothing /b\n", target="A"
    )
    assert bench.tree(image).names("") == ["a"]
    assert "Step 2/2 : COPY Dockerfile /a" in bench.log


def test_an_image_of_a_registry_is_a_base(bench):
    bench.shelf.images["gcr.io/p/base:1"] = bench.build(
        "FROM python\nENV A=1\nRUN echo base > /base\nONBUILD RUN echo $A > /triggered\n"
    )
    image = bench.build(
        "ARG P=p\nFROM gcr.io/$P/base:1\nCOPY --from=gcr.io/p/base:1 /base /copy\n"
        "FROM scratch\nCOPY --from=0 /copy /triggered /\n"
    )
    assert "# Executing 1 build trigger" in bench.log
    assert (bench.text(image, "copy"), bench.text(image, "triggered")) == ("base\n", "1\n")


def test_what_the_dockerignore_file_names_is_in_no_layer(bench):
    bench.write({"secret.txt": "top secret", "a": "a", ".dockerignore": "secret.txt\n"})
    image = bench.build("FROM scratch\nCOPY . /\n")
    assert not any(b"top secret" in bench.shelf.blobs.read(e["digest"]) for e in image.layers)


@pytest.mark.parametrize(
    ("dockerfile", "text"),
    [
        ("FROM python\nRUN false", "The command '/bin/sh -c false' returned a non-zero code: 1"),
        (
            'FROM python\nRUN ["sh", "-c", "exit 42"]',
            "The command 'sh -c exit 42' returned a non-zero code: 42",
        ),
        ("FROM python\n\nFORM x", "dockerfile parse error line 3: unknown instruction: FORM"),
        (
            "FROM python\nRUN --mount=type=cache,target=/x true",
            "the --mount option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ "
            "to learn how to build images with BuildKit enabled",
        ),
        (
            "FROM scratch\nRUN true",
            "OCI runtime create failed: runc create failed: unable to start container process: "
            'exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown',
        ),
        (
            'FROM python\nRUN ["nothing"]',
            "OCI runtime create failed: runc create failed: unable to start container process: "
            'exec: "nothing": executable file not found in $PATH: unknown',
        ),
        (
            "FROM python\nUSER ghost\nRUN true",
            "unable to find user ghost: no matching entries in passwd file",
        ),
        (
            "FROM scratch\nCOPY x /",
            "COPY failed: file not found in build context or excluded by .dockerignore: "
            "stat x: file does not exist",
        ),
        (
            "FROM scratch AS a\nCOPY Dockerfile /\nFROM scratch\nCOPY --from=a /x /",
            "COPY failed: stat x: file does not exist",
        ),
        (
            "FROM scratch\nCOPY --from=0 /x /",
            "invalid from flag value 0: refers to current build stage",
        ),
        ("FROM scratch\nCOPY --from=7 /x /", "invalid from flag value 7: index out of bounds"),
        ("FROM scratch", "No image was generated. Is your Dockerfile empty?"),
        ("FROM $X", "base name ($X) should not be blank"),
        ("FROM scratch\nWORKDIR $X", "cannot normalize nothing"),
        (
            "FROM --platform=linux/s390x python",
            "image with reference python was found but does not match the specified platform: "
            f"wanted linux/s390x, actual: linux/{architecture()}",
        ),
    ],
)
def test_a_failure_says_what_docker_says(bench, dockerfile, text):
    assert failure(bench, dockerfile) == text


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (
            "node:20",
            "pull access denied for node, repository does not exist or may require "
            "'docker login': denied: requested access to the resource is denied",
        ),
        (
            "someone/app",
            "pull access denied for someone/app, repository does not exist or may require "
            "'docker login': denied: requested access to the resource is denied",
        ),
        (
            "gcr.io/hands-on/none",
            "manifest for gcr.io/hands-on/none:latest not found: manifest unknown: "
            "manifest unknown",
        ),
        (
            "localhost:5000/none:1",
            "manifest for localhost:5000/none:1 not found: manifest unknown: manifest unknown",
        ),
        (
            "python@sha256:" + "0" * 64,
            f"manifest for python@sha256:{'0' * 64} not found: manifest unknown: manifest unknown",
        ),
    ],
)
def test_a_base_that_is_nowhere_is_named_with_what_there_is(bench, reference, text):
    first, second = failure(bench, f"FROM {reference}\n").splitlines()
    assert first == text
    assert second == (
        "Base images here are python (any tag), scratch and images in this cloud's registries: "
        "nothing is pulled from elsewhere."
    )


@pytest.mark.parametrize(
    ("reference", "differences"),
    [
        ("python", ""),
        ("docker.io/library/python:slim", ""),
        ("library/python:2.7-alpine3.10", ", not Python 2.7, not Alpine Linux"),
        ("python:alpine", ", not Alpine Linux"),
        ("python:{}.{}-slim".format(*platform.python_version_tuple()), ""),
    ],
)
def test_every_python_image_is_this_python_and_the_log_says_so(bench, reference, differences):
    bench.build(f"FROM {reference}\n")
    explained = [line for line in bench.log if "is not pulled" in line]
    assert explained == [
        f"{reference} is not pulled: it stands for {bench.shelf.base.description}{differences}."
    ]


@pytest.mark.parametrize("tool", ["apk add x", "apt-get update", "yum install y"])
def test_an_operating_system_package_is_told_to_need_another_engine(bench, tool):
    text = failure(bench, f"FROM python\nRUN {tool}\n")
    assert text == f"The command '/bin/sh -c {tool}' returned a non-zero code: 127"
    assert bench.log[-2] == (
        "The sandbox engine has no operating-system packages: "
        f"a step that runs {tool.split()[0]} needs the container engine."
    )


def test_a_missing_dockerfile_is_named(bench):
    assert failure(bench, file="sub/Dockerfile") == (
        "unable to prepare context: unable to evaluate symlinks in Dockerfile path: "
        "lstat /workspace/sub/Dockerfile: no such file or directory"
    )
    assert failure(bench, file="../Dockerfile").endswith("must be within the build context")
    bench.write({"Dockerfile": ""})
    assert failure(bench) == "the Dockerfile (Dockerfile) cannot be empty"


def test_a_dockerfile_can_have_another_name(bench):
    bench.write({"sub/my.Dockerfile": "FROM scratch\nCOPY sub/my.Dockerfile /x\n"})
    assert bench.tree(bench.build(file="sub/my.Dockerfile")).names("") == ["x"]


def test_stopping_kills_the_running_step(bench):
    bench.stop_at = "it runs"
    with pytest.raises(BuildStopped, match="Build cancelled"):
        bench.build("FROM python\nRUN echo it runs; sleep 98765 & sleep 98765\nRUN echo never\n")
    assert bench.log[-1] == "Build cancelled"
    assert "never" not in bench.log
    running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not any(b"98765" in line for line in running)


def test_a_failed_step_leaves_nothing_behind(bench):
    folder = bench.shelf.layers.layer(bench.shelf.base.image().layers[0]["digest"]).parent
    before = set(folder.iterdir())
    failure(bench, "FROM python\nRUN echo > /x; false\n")
    assert set(folder.iterdir()) == before


def test_much_output_arrives_whole_and_in_order(bench):
    bench.build("FROM python\nRUN python3 -c 'for i in range(50000): print(i, \"x\" * 40)'\n")
    numbers = [int(line.split()[0]) for line in bench.log if line.endswith("x" * 40)]
    assert numbers == list(range(50_000))


def test_output_that_is_not_utf8_does_no_harm(bench):
    bench.build(r"FROM python" "\n" r"RUN printf 'caf\351 \000 ok\n'; printf 'no newline'")
    assert "caf\ufffd \0 ok" in bench.log
    assert "no newline" in bench.log


CODE = {
    "x86_64": (62, "b8010000 00bf0100 0000488d 35100000 00ba0300 00000f05 b83c0000 0031ff0f 05"),
    "aarch64": (183, "200080d2 e1000010 620080d2 080880d2 010000d4 000080d2 a80b80d2 010000d4"),
}


def static_program() -> bytes:
    """A program for Linux that needs no library: it writes "hi" and ends."""
    machine, code = CODE[platform.machine()]
    text = bytes.fromhex(code.replace(" ", "")) + b"hi\n"
    size, start = 64 + 56 + len(text), 0x400000
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        *(2, machine, 1, start + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0),
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, start, start, size, size, 0x1000)
    return header + segment + text


@pytest.mark.skipif(platform.machine() not in CODE, reason="no program for this processor")
def test_a_static_program_runs_on_scratch(bench, serving):
    bench.write({"hi": static_program()})
    (bench.context / "hi").chmod(0o755)
    image = bench.build('FROM scratch\nCOPY hi /bin/hi\nENTRYPOINT ["/bin/hi"]\n')
    assert serving.output(image) == ["hi"]


def test_a_static_program_runs_as_a_build_step(bench):
    bench.write({"hi": static_program()})
    (bench.context / "hi").chmod(0o755)
    bench.build('FROM scratch\nCOPY hi /\nRUN ["/hi"]\n')
    assert "hi" in bench.log
