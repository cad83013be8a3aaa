#!/usr/bin/env bash
# Write the decision page of $SIZE, and put it where people look: the run's summary and, for a
# pull request, one comment that is replaced from run to run.
# Reads SIZE, AGAINST, SINCE, PULL_REQUEST, GITHUB_REPOSITORY, GITHUB_STEP_SUMMARY, GITHUB_OUTPUT.
set -euo pipefail

: "${SIZE:?a file that planner size --save wrote}"
folder=$(mktemp -d "${RUNNER_TEMP:-/tmp}/decision.XXXXXX")
page=$folder/decision.md
options=(--size "$SIZE" -o "$page")
if [ -n "${AGAINST:-}" ]; then options+=(--against "$AGAINST"); fi
if [ -n "${SINCE:-}" ]; then options+=(--since "$SINCE"); fi
planner report "${options[@]}"

# The comment of this file is found again by its first line; the name may hold anything.
marker="<!-- planner-decision $(printf %s "$SIZE" | sha256sum | cut -c1-16) -->"
{ printf '%s\n\n' "$marker"; cat "$page"; } >"$folder/comment.md"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat "$page" >>"$GITHUB_STEP_SUMMARY"; fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then printf 'page=%s\n' "$page" >>"$GITHUB_OUTPUT"; fi
if [ -z "${PULL_REQUEST:-}" ]; then
  echo "No pull request: the page is in the summary of this run."
  exit 0
fi

comments=repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments
mine=$(gh api --paginate "$comments" --jq ".[] | select(.body | startswith(\"$marker\")) | .id")
mine=${mine%%$'\n'*}
if [ -n "$mine" ]; then
  gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$mine" \
    --field "body=@$folder/comment.md" --silent
else
  gh api --method POST "$comments" --field "body=@$folder/comment.md" --silent
fi
