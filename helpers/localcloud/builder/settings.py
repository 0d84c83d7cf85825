"""The instructions that change no file, only what the image says about itself.

Source: https://github.com/moby/moby/blob/v20.10.24/builder/dockerfile/dispatchers.go and
https://github.com/moby/docker-image-spec/blob/main/spec.md (read 2026-11-24)
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Mapping, Sequence

from .dockerfile import Instruction
from .errors import BuildFailed
from .stage import Stage
from .variables import Arguments, expand, expand_to_words

NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
HEALTHCHECK_TIMES = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start-period": "StartPeriod",
    "start-interval": "StartInterval",
}
REAL_TIME_SIGNAL = r"RTMIN(\+([1-9]|1[0-5]))?|RTMAX(-([1-9]|1[0-4]))?"
EXPANDED = ("ENV", "LABEL", "USER", "VOLUME", "STOPSIGNAL", "ARG")


def apply(stage: Stage, instruction: Instruction, arguments: Arguments, escape: str) -> str:
    """Applies an instruction to a stage and returns the comment for the image's history.

    Raises BuildFailed with Docker's reason, KeyError for an instruction that changes files.
    """
    env = {**arguments.values(), **stage.env}
    if instruction.name == "EXPOSE":
        ports = [port for arg in instruction.args for port in expand_to_words(arg, escape, env)]
        return _expose(stage, ports)
    if instruction.name == "ARG":
        return _arg(arguments, [expand(arg, escape, env) for arg in instruction.args])
    words = list(instruction.args)
    if instruction.name in EXPANDED:
        words = [expand(word, escape, env) for word in words]
    return APPLY[instruction.name](stage, instruction, words)


def command(stage: Stage, instruction: Instruction) -> list[str]:
    """The argv of a RUN, CMD or ENTRYPOINT: the shell form goes behind the stage's shell."""
    words = list(instruction.args)
    return words if instruction.exec_form else [*stage.shell, *words]


def _env(stage: Stage, _instruction: Instruction, words: list[str]) -> str:
    env: list[str] = stage.settings["Env"]
    pairs = [f"{name}={value}" for name, value in zip(words[::2], words[1::2], strict=True)]
    for pair in pairs:
        name = pair.partition("=")[0]
        for i, known in enumerate(env):
            if known.partition("=")[0] == name:
                env[i] = pair
                break
        else:
            env.append(pair)
    return " ".join(["ENV", *pairs])


def _label(stage: Stage, _instruction: Instruction, words: list[str]) -> str:
    pairs = dict(zip(words[::2], words[1::2], strict=True))
    stage.settings["Labels"] = {**(stage.settings.get("Labels") or {}), **pairs}
    return " ".join(["LABEL", *(f"{name}={value}" for name, value in pairs.items())])


def _maintainer(stage: Stage, _instruction: Instruction, words: list[str]) -> str:
    stage.author = words[0]
    return f"MAINTAINER {words[0]}"


def _user(stage: Stage, _instruction: Instruction, words: list[str]) -> str:
    stage.settings["User"] = words[0]
    return f"USER {words[0]}"


def _cmd(stage: Stage, instruction: Instruction, _words: list[str]) -> str:
    stage.settings["Cmd"] = command(stage, instruction)
    stage.has_command = stage.has_command or bool(instruction.args)
    return f"CMD {_quoted(stage.settings['Cmd'])}"


def _entrypoint(stage: Stage, instruction: Instruction, words: list[str]) -> str:
    if words:
        stage.settings["Entrypoint"] = command(stage, instruction)
    else:
        stage.settings.pop("Entrypoint", None)
    if not stage.has_command:
        # A CMD of the base image was meant for the base image's entrypoint.
        stage.settings.pop("Cmd", None)
    return f"ENTRYPOINT {_quoted(stage.settings.get('Entrypoint', []))}"


def _shell(stage: Stage, _instruction: Instruction, words: list[str]) -> str:
    stage.settings["Shell"] = words
    return f"SHELL [{' '.join(words)}]"


def _stopsignal(stage: Stage, _instruction: Instruction, words: list[str]) -> str:
    name = words[0]
    known = {member.name.removeprefix("SIG") for member in signal.Signals}
    plain = name.upper().removeprefix("SIG")
    is_number = name.isdecimal() and 0 < int(name) <= 64
    if plain not in known and not is_number and not re.fullmatch(REAL_TIME_SIGNAL, plain):
        raise BuildFailed(f"Invalid signal: {name}")
    stage.settings["StopSignal"] = name
    return f"STOPSIGNAL {name}"


def _volume(stage: Stage, _instruction: Instruction, words: list[str]) -> str:
    if not all(words):
        raise BuildFailed("VOLUME specified can not be an empty string")
    stage.settings["Volumes"] = {**(stage.settings.get("Volumes") or {}), **{w: {} for w in words}}
    return f"VOLUME [{' '.join(words)}]"


def _onbuild(stage: Stage, _instruction: Instruction, words: list[str]) -> str:
    stage.settings["OnBuild"] = [*(stage.settings.get("OnBuild") or []), words[0]]
    return f"ONBUILD {words[0]}"


def _healthcheck(stage: Stage, instruction: Instruction, words: list[str]) -> str:
    if words[0].upper() == "NONE":
        stage.settings["Healthcheck"] = {"Test": ["NONE"]}
        return 'HEALTHCHECK ["NONE"]'
    test = ["CMD" if instruction.exec_form else "CMD-SHELL", *words[1:]]
    check: dict[str, object] = {"Test": test}
    for flag, name in HEALTHCHECK_TIMES.items():
        nanoseconds = _duration(flag, instruction.flags.get(flag, "0"))
        if nanoseconds:
            check[name] = nanoseconds
    retries = instruction.flags.get("retries", "0")
    if not re.fullmatch(r"[+-]?\d+", retries):
        raise BuildFailed(f'strconv.ParseInt: parsing "{retries}": invalid syntax')
    if int(retries) < 0:
        raise BuildFailed(f"--retries cannot be negative ({retries})")
    if int(retries):
        check["Retries"] = int(retries)
    stage.settings["Healthcheck"] = check
    return f"HEALTHCHECK {_quoted(test)}"


def _expose(stage: Stage, ports: Sequence[str]) -> str:
    exposed = dict(stage.settings.get("ExposedPorts") or {})
    for port in ports:
        # Docker takes the form of `docker run -p` too and forgets all but the container's port.
        span, _, protocol = port.rpartition(":")[2].partition("/")
        protocol = protocol.lower() or "tcp"
        if protocol not in ("tcp", "udp", "sctp"):
            raise BuildFailed(f"Invalid proto: {protocol}")
        first, _, last = span.partition("-")
        if not all(p.isdecimal() and int(p) < 65536 for p in (first, last or first)):
            raise BuildFailed(f"Invalid containerPort: {span}")
        if int(last or first) < int(first):
            raise BuildFailed(f"Invalid containerPort: {span}")
        for number in range(int(first), int(last or first) + 1):
            exposed[f"{number}/{protocol}"] = {}
    stage.settings["ExposedPorts"] = exposed
    return f"EXPOSE {' '.join(ports)}"


def _arg(arguments: Arguments, words: Sequence[str]) -> str:
    for word in words:
        name, separator, default = word.partition("=")
        arguments.declare(name, default if separator else None)
    return f"ARG {' '.join(words)}"


def _duration(flag: str, text: str) -> int:
    """A duration of Go, for instance ``1m30s``, in nanoseconds. Raises BuildFailed."""
    if text == "0":
        return 0
    part = r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)"
    if not re.fullmatch(f"(?:{part})+", text):
        raise BuildFailed(f'time: invalid duration "{text}"')
    total = sum(float(number) * NANOSECONDS[unit] for number, unit in re.findall(part, text))
    if 0 < total < NANOSECONDS["ms"]:
        raise BuildFailed(f'Interval "{flag}" cannot be less than 1ms')
    return round(total)


def _quoted(words: Sequence[str]) -> str:
    return "[" + " ".join(json.dumps(word, ensure_ascii=False) for word in words) + "]"


APPLY: Mapping[str, Callable[[Stage, Instruction, list[str]], str]] = {
    "ENV": _env,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "USER": _user,
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "SHELL": _shell,
    "STOPSIGNAL": _stopsignal,
    "VOLUME": _volume,
    "ONBUILD": _onbuild,
    "HEALTHCHECK": _healthcheck,
}
