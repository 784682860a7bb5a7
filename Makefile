# Minhu: two commands bring everything else. `make` alone lists them.
PYTHON ?= python3
BRING = $(PYTHON) tools/bring.py
IN = .venv/bin/

.DEFAULT_GOAL := help
.PHONY: help run test check bench train

help:            ## This list
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

run:             ## Bring what is needed, start everything, print where it is
	@$(BRING) >/dev/null && exec $(IN)python minhu.py run

test:            ## Run all tests (PostgreSQL, Redis and Chromium tests where those are found)
	@$(BRING) dev >/dev/null && $(IN)python minhu.py prepare && exec $(IN)python -m pytest $(ARGS)

check:           ## Lint, types, layers, dialogue data, knowledge
	@$(BRING) dev >/dev/null && exec $(IN)python minhu.py check

bench:           ## Measure against Rasa's defaults in one run
	@$(BRING) dev >/dev/null && $(IN)python minhu.py prepare && exec $(IN)python -m tests.bench

train:           ## Train anew
	@$(BRING) >/dev/null && exec $(IN)python minhu.py train
