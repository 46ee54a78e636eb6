#!/bin/sh
# The commit that a build is of: what was changed since, or stands in no repository of its own, is of none. A build without
# git at hand (as the Dockerfile's) is told by SEALGATE_COMMIT.
if [ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$(pwd -P)" ] && commit=$(git rev-parse --verify HEAD 2>/dev/null); then
  [ -z "$(git status --porcelain --untracked-files=normal)" ] || commit=unknown
else
  commit=${SEALGATE_COMMIT:-unknown}
fi
echo "$commit"
