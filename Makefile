# Every target first installs what is missing (scripts/setup) and is quick where nothing is.

BIN := .venv/bin

.PHONY: help demo test bench labs lab-kvm-amd lab-kvm-intel lab-kvm lab-tcg10 lab-xen lab-gef lab-screen lab-stubs lab-clients lab-gdbsuite lab-faults lab-linux lab-engines lab-ways lab-debian13 lab-tcg82 docs docs-site format clean

help:
	@echo 'make demo    the bundled guest and every #DB that it raises; a screen on a terminal, else text'
	@echo 'make test    format, lint, types, and the tests against real QEMU, gdb and tmux'
	@echo 'make bench   speed and memory, measured against stock gdb and a bare socket loop'
	@echo 'make labs    real hypervisors that need no hardware support: kvm_amd, kvm_intel, /dev/kvm, QEMU 10.0.2, Xen'
	@echo '             (each alone: make lab-kvm-amd, lab-kvm-intel, lab-kvm, lab-tcg10, lab-xen, and lab-gef: gef through dr6 serve;'
	@echo '             lab-clients: two gdbs, an lldb and a screen at random; lab-gdbsuite: the testsuite of gdb; lab-screen: a day on the screen; lab-stubs: stubs of others;'
	@echo '             lab-faults: sick stubs, clients, files and signals; lab-linux: every #DB of a Linux guest;'
	@echo '             lab-engines: what the engines log and plugin tell, against a client that steps;'
	@echo '             lab-ways: each way to boot 20 times, against the guest'"'"'s own count;'
	@echo '             lab-debian13, lab-tcg82: make test of a clean clone on a fresh Debian 13, as root;'
	@echo '             the second with QEMU 8.2)'
	@echo 'make docs    write the pages that are made from tables, the manual page and the completions'
	@echo 'make docs-site  the documentation as a site, with its links checked, in build/docs-site'
	@echo 'make format  let ruff format the code and mend what it can'
	@echo 'make clean   remove what was built, .venv too'

demo:
	@scripts/setup qemu-system-x86_64
	@$(BIN)/dr6 demo

test:
	@scripts/setup qemu-system-x86_64 gdb gdbserver lldb tmux as ld gcc make man groff mandoc zsh fish
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest

bench:
	@scripts/setup qemu-system-x86_64 gdb as ld
	@$(BIN)/python -m tests.bench $(BENCH)

labs:
	@scripts/setup qemu-system-x86_64 gdb as ld gcc make
	@$(BIN)/python -m tests.labs $(LABS)

lab-kvm-amd lab-kvm-intel lab-kvm lab-tcg10:
	@scripts/setup as ld
	@$(BIN)/python -m tests.labs $(@:lab-%=%) $(LABS)

lab-xen:
	@scripts/setup as ld gcc make
	@$(BIN)/python -m tests.labs xen $(LABS)

lab-debian13 lab-tcg82:
	@scripts/setup as ld debootstrap git
	@$(BIN)/python -m tests.labs $(@:lab-%=%) $(LABS)

lab-linux lab-engines lab-ways:
	@scripts/setup gcc as ld
	@$(BIN)/python -m tests.labs $(@:lab-%=%) $(LABS)

lab-stubs:
	@scripts/setup gdbserver lldb as ld
	@$(BIN)/python -m tests.labs stubs $(LABS)

lab-clients:
	@scripts/setup qemu-system-x86_64 gdb lldb tmux as ld
	@$(BIN)/python -m tests.labs clients $(LABS)

lab-gdbsuite:
	@scripts/setup gdb gdbserver gcc runtest
	@$(BIN)/python -m tests.labs gdbsuite $(LABS)

lab-gef:
	@scripts/setup qemu-system-x86_64 gdb as ld
	@$(BIN)/python -m tests.labs gef $(LABS)

lab-screen:
	@scripts/setup qemu-system-x86_64 tmux as ld
	@$(BIN)/python -m tests.labs screen $(LABS)

lab-faults:
	@scripts/setup qemu-system-x86_64 as ld
	@$(BIN)/python -m tests.faults $(LABS)

docs:
	@scripts/setup
	$(BIN)/python docs/generate.py

docs-site:
	@scripts/setup --group docs
	rm -rf build/docs-site
	$(BIN)/sphinx-build --builder html --fail-on-warning --keep-going --nitpicky --quiet \
		--conf-dir docs/site --doctree-dir build/doctrees . build/docs-site
	$(BIN)/python docs/site/check.py build/docs-site

format:
	@scripts/setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist guests/demo/build
