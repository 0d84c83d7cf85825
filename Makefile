# What one types here; README.md explains each target. `make run` and `make test` prepare .venv when
# it is missing or when the lock has changed, and touch no network otherwise.

PYTHON ?= python3
ARGS ?=
TRACK ?=
VENV := .venv
RUN := $(VENV)/bin/python
UV := $(shell command -v uv 2>/dev/null)
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
AS_ROOT := $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)

# What .venv was made from; kept in it, and compared before each use.
MADE_FROM := { pwd -P; cat requirements.lock pyproject.toml; }

.PHONY: run test lab book figures refresh docs lock lint setup-ci clean venv
.DEFAULT_GOAL := run

run: venv
	@$(RUN) -m helpers.course run $(if $(TRACK),--track $(TRACK)) $(ARGS)

test: venv
	@$(RUN) -m pytest -n 3 --dist loadscope --no-loadscope-reorder $(if $(STRICT),--no-skips) $(ARGS)

lab: venv
	@JUPYTER_PREFER_ENV_PATH=1 JUPYTER_CONFIG_PATH=$(CURDIR)/.jupyter:$$JUPYTER_CONFIG_PATH \
		$(RUN) -m jupyterlab $(AS_ROOT) \
		--MappingKernelManager.transport_encryption=auto $(ARGS) notebooks

book: venv
	@$(RUN) .ci/book.py build/book
	@echo "build/book/index.html"

figures: venv
	@$(RUN) -m benchmarks.figures $(ARGS)

refresh: venv
	@$(RUN) -m helpers.course refresh $(ARGS)

docs: venv
	@$(RUN) .ci/compatibility.py > docs/compatibility.md
	@$(RUN) .ci/glossary.py > docs/glossary.md

lint: venv
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy

# Debian packages that only some tests and figures need. nginx is not to serve anything by itself.
setup-ci:
	@command -v curl >/dev/null && command -v skopeo >/dev/null && command -v busybox >/dev/null \
		&& command -v dig >/dev/null || { \
		$(SUDO) apt-get update -q && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
			bind9-dnsutils busybox-static curl skopeo; }
	@command -v chromium >/dev/null && command -v certutil >/dev/null || { \
		$(SUDO) apt-get update -q && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
			chromium libnss3-tools; }
	@[ -x /usr/sbin/nginx ] || { \
		$(SUDO) apt-get update -q && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive \
			apt-get install -qy --no-install-recommends nginx && \
		{ $(SUDO) service nginx stop; $(SUDO) update-rc.d nginx disable; } }

venv:
	@[ -x $(RUN) ] && $(MADE_FROM) | cmp -s - $(VENV)/made-from || $(MAKE) --no-print-directory $(VENV)

# The project itself needs no build of its own: its backend is in the lock.
.PHONY: $(VENV)
$(VENV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")'
	@echo "Preparing $(VENV) (once; up to a minute)"
	@rm -rf $(VENV)
ifdef UV
	@uv venv -q --python $(PYTHON) $(VENV)
	@uv pip sync -q --compile-bytecode --python $(RUN) --require-hashes requirements.lock
	@uv pip install -q --python $(RUN) --no-deps --no-build-isolation --offline -e .
else
	@$(PYTHON) -m venv --without-pip $(VENV)
	@$(PYTHON) -m pip --python $(RUN) install -q --no-deps --require-hashes -r requirements.lock
	@$(RUN) -m pip install -q --no-deps --no-build-isolation --no-index -e .
endif
	@$(MADE_FROM) > $(VENV)/made-from

# Make the lock and environment.yml anew from pyproject.toml; ARGS=--upgrade takes newer versions.
lock:
ifndef UV
	@$(PYTHON) -m venv build/uv && build/uv/bin/python -m pip install -q uv
endif
	$(or $(UV),build/uv/bin/uv) pip compile -q pyproject.toml --extra book --extra test --group build --universal \
		--generate-hashes --custom-compile-command "make lock" $(ARGS) -o requirements.lock
	$(PYTHON) .ci/environment.py > environment.yml

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache
