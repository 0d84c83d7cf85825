"""What an image says about itself after CMD, ENV, EXPOSE… as Docker would have it."""

from __future__ import annotations

import pytest

from helpers.localcloud.builder.dockerfile import parse
from helpers.localcloud.builder.errors import BuildFailed
from helpers.localcloud.builder.settings import apply
from helpers.localcloud.builder.stage import Stage
from helpers.localcloud.builder.variables import Arguments

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def after(*lines: str, base: dict[str, object] | None = None) -> Stage:
    stage = Stage.of_scratch()
    stage.settings.update(base or {})
    arguments = Arguments({"GIVEN": "yes"})
    for instruction in parse("\n".join(["FROM scratch", *lines]).encode()).stages[0].instructions:
        apply(stage, instruction, arguments, "\\")
    return stage


@pytest.mark.parametrize(
    ("lines", "name", "value"),
    [
        (["CMD exec x $PORT"], "Cmd", ["/bin/sh", "-c", "exec x $PORT"]),
        (['CMD ["x", "$PORT"]'], "Cmd", ["x", "$PORT"]),
        (["CMD a", "CMD b"], "Cmd", ["/bin/sh", "-c", "b"]),
        (['SHELL ["/bin/bash", "-lc"]', "CMD x"], "Cmd", ["/bin/bash", "-lc", "x"]),
        (["ENTRYPOINT x y"], "Entrypoint", ["/bin/sh", "-c", "x y"]),
        (["ENV A=1 B=2", "ENV A=3"], "Env", [PATH, "A=3", "B=2"]),
        (["ENV A=1", "ENV A=2 B=$A"], "Env", [PATH, "A=2", "B=1"]),
        (["ENV A hello  world"], "Env", [PATH, "A=hello  world"]),
        (["ARG A=1", "ENV B=${A}x"], "Env", [PATH, "B=1x"]),
        (["ARG GIVEN=no", "ENV B=$GIVEN"], "Env", [PATH, "B=yes"]),
        (["ENV A=env", "ARG A=arg", "ENV B=$A"], "Env", [PATH, "A=env", "B=env"]),
        (["LABEL a=1", 'LABEL b="2 3" a=4'], "Labels", {"a": "4", "b": "2 3"}),
        (["EXPOSE 80 90/UDP"], "ExposedPorts", {"80/tcp": {}, "90/udp": {}}),
        (["ENV P='1 2'", "EXPOSE $P 5-6"], "ExposedPorts", {f"{p}/tcp": {} for p in (1, 2, 5, 6)}),
        (["EXPOSE 127.0.0.1:80:8080"], "ExposedPorts", {"8080/tcp": {}}),
        (["VOLUME /a", 'VOLUME ["/b c"]'], "Volumes", {"/a": {}, "/b c": {}}),
        (["USER app:web"], "User", "app:web"),
        (["STOPSIGNAL SIGQUIT"], "StopSignal", "SIGQUIT"),
        (["STOPSIGNAL 9"], "StopSignal", "9"),
        (["ONBUILD RUN x", "ONBUILD COPY a b"], "OnBuild", ["RUN x", "COPY a b"]),
        (["HEALTHCHECK NONE"], "Healthcheck", {"Test": ["NONE"]}),
        (
            ["HEALTHCHECK --interval=1m30s --timeout=500ms --retries=2 CMD curl -f x"],
            "Healthcheck",
            {
                "Test": ["CMD-SHELL", "curl -f x"],
                "Interval": 90_000_000_000,
                "Timeout": 500_000_000,
                "Retries": 2,
            },
        ),
        (['HEALTHCHECK CMD ["a", "b"]'], "Healthcheck", {"Test": ["CMD", "a", "b"]}),
    ],
)
def test_a_setting_is_what_docker_makes_of_it(lines, name, value):
    assert after(*lines).settings[name] == value


def test_an_entrypoint_drops_the_command_of_the_base_image():
    assert "Cmd" not in after('ENTRYPOINT ["x"]', base={"Cmd": ["python3"]}).settings
    assert after("CMD y", 'ENTRYPOINT ["x"]', base={"Cmd": ["python3"]}).settings["Cmd"]
    assert "Entrypoint" not in after("ENTRYPOINT []", base={"Entrypoint": ["x"]}).settings


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("EXPOSE abc", "Invalid containerPort: abc"),
        ("EXPOSE 70000", "Invalid containerPort: 70000"),
        ("EXPOSE 80/http", "Invalid proto: http"),
        ("STOPSIGNAL SIGNOTHING", "Invalid signal: SIGNOTHING"),
        ("HEALTHCHECK --interval=3 CMD x", 'time: invalid duration "3"'),
        ("HEALTHCHECK --interval=1us CMD x", 'Interval "interval" cannot be less than 1ms'),
        ("HEALTHCHECK --retries=-1 CMD x", "--retries cannot be negative (-1)"),
        ('ENV A="${B:?is needed}"', "B: is needed"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(line, reason):
    with pytest.raises(BuildFailed) as failure:
        after(line)
    assert reason in str(failure.value)


def test_a_maintainer_is_the_author():
    assert after("MAINTAINER a@b.c").author == "a@b.c"
