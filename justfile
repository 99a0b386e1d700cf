# Recipes for people; `just` lists them. Each one is also a plain command that can be typed.

_list:
    @just --list --unsorted

# Everything that CI runs.
check:
    .ci/run

# The quick part of it, while working.
test *ARGS:
    cargo test {{ARGS}}

# The training package's tests.
test-train *ARGS:
    cargo test -p wayside-train {{ARGS}}

# Count clips with hand-counted truth: just eval CLIPS_FOLDER --model yolox_nano.onnx --misses
eval CLIPS *ARGS:
    cargo run --release -- evaluate count --clips {{CLIPS}} {{ARGS}}

# Each stage and the whole.
bench *ARGS:
    cargo run --release -- bench {{ARGS}}

# The service and its cameras in virtual machines; needs root and ../shared/lab, and says so where it is missing. One kind
# alone: tests/vm/run.sh [amd64|arm64] [vivid|loopback], tests/vm/service.sh, tests/vm/powercut.sh.
vm:
    for test in tests/vm/*.sh; do [ ! -x "$test" ] || "$test" || exit 1; done

# Whole int8 networks on emulated ARM processors: the same bytes as here, and how many instructions they take.
arm *ARGS:
    tests/vm/int8_arm.sh {{ARGS}}

# Mutated ONNX files, until something breaks: just fuzz int8_onnx -max_total_time=600
fuzz TARGET="int8_onnx" *ARGS:
    WAYSIDE_SEEDS=$PWD/fuzz/corpus/{{TARGET}} cargo test --test models every_operator
    cargo +nightly fuzz run {{TARGET}} -- -timeout=10 -rss_limit_mb=2048 {{ARGS}}

# Known vulnerabilities of the dependencies; needs the network, so CI leaves it out.
advisories:
    cargo deny check advisories

# Write docs/config.md anew from src/config/keys.rs.
reference:
    WAYSIDE_BLESS=1 cargo test --test config
