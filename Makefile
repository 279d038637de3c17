# Every target is one call of hlsgen; the set-up is made on first use. `make` prints help.
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup train export opt emit verify sim fold build bitstream report prove mutate boards doctor \
        xclbin program selftest test check bench bench-area results clean distclean

PYTHON ?= python3
MODEL ?= digits
BOARD ?= ulx3s
HDL ?= verilog
BUILD ?= build
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
V ?=
FAST ?=
FRAMES ?=
FPS ?=
# Of selftest: how the board is reached, and its serial port.
VIA ?=
PORT ?=
# Data files for `results`; empty: the projects' own sources.
DATA ?= $(wildcard ../shared/data)

VENV := .venv
BIN := $(VENV)/bin
# A name is an example, whatever lies here; a project of your own is a path: ./net, or net/project.toml.
PROJECT := $(if $(findstring /,$(MODEL))$(filter %.toml,$(MODEL)),$(MODEL),examples/$(MODEL))
STAGE = $(BIN)/hlsgen $@ $(PROJECT) --board $(BOARD) --hdl $(HDL) -o $(BUILD) $(if $(V),-v)

help: ## This help
	@echo "hlsgen: from a trained LUT network to a verified FPGA bitstream"
	@echo
	@echo "  make TARGET [MODEL=$(MODEL)] [BOARD=$(BOARD)] [HDL=$(HDL)] [BUILD=$(BUILD)] [V=1]"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Models: $(notdir $(patsubst %/project.toml,%,$(wildcard examples/*/project.toml))), or the path of a folder with project.toml (./net)"
	@echo "Languages: verilog, hls (Vitis HLS C++; checked in C simulation, built by boards of Vitis and Zynq)"
	@if [ -x $(BIN)/hlsgen ]; then $(BIN)/hlsgen boards; \
	 else echo "Boards: $(basename $(notdir $(wildcard boards/*.toml))) (make setup shows their state)"; fi

setup: $(VENV)/ready ## Python environment with all open tools, from PyPI
	@$(BIN)/hlsgen doctor

# Debian without python3-venv has no ensurepip: pip then fills the environment from outside.
$(VENV)/ready: pyproject.toml constraints.txt
	@echo "setting up $(VENV) (2.4 GB, once)"
	@$(PYTHON) -m venv --clear $(VENV) 2>/dev/null || $(PYTHON) -m venv --clear --without-pip $(VENV)
	@$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check \
	    -c constraints.txt -e '.[tools,board,dev]'
	@touch $@

train: $(VENV)/ready ## Train the network
	@$(STAGE)
export: $(VENV)/ready ## Graph of the trained network, equal to PyTorch on every sample
	@$(STAGE)
opt: $(VENV)/ready ## Smaller graph, pipelined for the project's clock
	@$(STAGE)
emit: $(VENV)/ready ## Verilog, or Vitis HLS C++ with HDL=hls
	@$(STAGE)
verify: $(VENV)/ready ## Sources against the graph, in simulation and by proof
	@$(STAGE)
sim: $(VENV)/ready ## Verilog (each layer in its exact clocks) or HLS C++ on FRAMES test samples
	@$(STAGE) $(if $(FRAMES),--frames $(FRAMES)) $(if $(FPS),--fps $(FPS))
fold: $(VENV)/ready ## How engines work off their weights, to reach FPS frames a second
	@$(BIN)/hlsgen $@ $(PROJECT) --board $(BOARD) -o $(BUILD) $(if $(FPS),--fps $(FPS))
prove: $(VENV)/ready ## Each layer and the core proved on its own FPGA family and three others
	@$(BIN)/hlsgen $@ $(PROJECT) --board $(BOARD) -o $(BUILD)
mutate: $(VENV)/ready ## Faults put in on purpose, and which check finds them
	@$(BIN)/hlsgen $@ $(PROJECT) --board $(BOARD) -o $(BUILD)
build: $(VENV)/ready ## Synthesis, place and route, bitstream file
	@$(STAGE)
bitstream: $(VENV)/ready ## All stages, and the report
	@$(STAGE)
xclbin: bitstream ## The same, as AMD calls it
report: $(VENV)/ready ## Area, timing, energy, accuracy, verification
	@$(STAGE)
program: $(VENV)/ready ## Load the bitstream into the board
	@$(STAGE)
selftest: $(VENV)/ready ## Known samples through the board; VIA=simulation: through its simulated shell
	@$(STAGE) $(if $(VIA),--via $(VIA)) $(if $(PORT),--port $(PORT))

boards: $(VENV)/ready ## Boards and whether they can be built here
	@$(BIN)/hlsgen boards
doctor: $(VENV)/ready ## Tools wanted, found, and what to do
	@$(BIN)/hlsgen doctor

test: check ## Every test; tools that set-up installs must be there
	@HLSGEN_REQUIRE=verilator,yosys,nextpnr OMP_NUM_THREADS=1 $(BIN)/pytest -q -n $(JOBS)
check: $(VENV)/ready ## Style, lint and types
	@$(BIN)/ruff format --check -q . && $(BIN)/ruff check -q . && $(BIN)/mypy --no-error-summary
bench: $(VENV)/ready ## Speed and memory, as a table and build/bench/*.json
	@$(BIN)/python -m benchmarks

bench-area: $(VENV)/ready ## LUTs beside other tools' for the same networks
	@$(BIN)/python -m benchmarks.area

results: $(VENV)/ready ## Train, build and count every row of docs/results.md; FAST=1: some, compared with it
	@$(BIN)/python -m benchmarks.results --jobs $(JOBS) --build $(BUILD)/results $(if $(DATA),--data $(DATA)) $(if $(FAST),--fast)

clean: ## Remove the build folders
	rm -rf $(BUILD)
distclean: clean ## Remove everything generated, the Python environment too
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
