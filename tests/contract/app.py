"""Tells what it finds around itself."""

import json
import os
import resource
import stat
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

print("to stdout", flush=True)
print("to stderr", file=sys.stderr, flush=True)
with open("/var/log/app.log", "w") as log:
    log.write("to a file\n")

METADATA = "http://metadata.google.internal/computeMetadata/v1/"


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return None


def may_write(path):
    try:
        with open(path, "r+b"):
            return True
    except OSError:
        return False


def metadata(path):
    request = urllib.request.Request(METADATA + path, headers={"Metadata-Flavor": "Google"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def facts(handler):
    with open("/tmp/mine", "w") as file:
        file.write("x" * 1000)
    kind = "? "
    with open("/proc/self/mountinfo") as mounts:
        for line in mounts:
            before, _, after = line.partition(" - ")
            if before.split()[4] == "/":
                kind = after
    return {
        "version": handler.request_version,
        "headers": list(handler.headers.items()),
        "env": dict(os.environ),
        "argv": sys.argv,
        "cwd": os.getcwd(),
        "user": [os.getuid(), os.getgid()],
        "pid": os.getpid(),
        "processes": [name for name in os.listdir("/proc") if name.isdecimal()],
        "tty": [os.isatty(number) for number in range(3)],
        "stdin": os.read(0, 1).decode(),
        "tmp": read("/tmp/mine") is not None,
        "tmp mode": stat.S_IMODE(os.stat("/tmp").st_mode),
        "root": kind,
        "devices": sorted(os.listdir("/dev")),
        "resolv.conf": read("/etc/resolv.conf"),
        "hosts": read("/etc/hosts"),
        "sysctl": may_write("/proc/sys/vm/overcommit_memory"),
        "memory": read("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        "memory may be written": may_write("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        "quota": read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
        "period": read("/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
        "project": metadata("project/project-id"),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    }


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(float(self.path.partition("?")[2] or 0))
        body = json.dumps(facts(self)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
