#!/bin/bash -eu
# Builds every fuzz target into $OUT, each with its seeds, its dictionary and its options.
#
# ClusterFuzzLite and OSS-Fuzz call it with SRC, OUT, WORK and SANITIZER; `cargo xtask fuzz oss` does the same in a scratch
# folder.
# Not by way of a link: cargo would take it for another project and build all of it anew.
cd -P "$SRC/stopcheck"

case "$SANITIZER" in
  # Coverage and others are the business of the image's own cargo.
  address | none) cargo fuzz build --codegen-units=16 --sanitizer="$SANITIZER" ;;
  *) cargo fuzz build --codegen-units=16 ;;
esac

built=fuzz/target/$(rustc -vV | sed -n 's/^host: //p')/release
for target in $(cargo fuzz list); do
  cp "$built/$target" "$OUT/$target"
  inputs=(fuzz/corpus/"$target"/*)
  if [ -d "fuzz/regressions/$target" ]; then
    inputs+=(fuzz/regressions/"$target"/*)
  fi
  python3 -m zipfile -c "$OUT/${target}_seed_corpus.zip" "${inputs[@]}"
  cp fuzz/ec2.dict "$OUT/$target.dict"
  printf '[libfuzzer]\ntimeout = 20\nmax_len = 16384\n' > "$OUT/$target.options"
done
