// Follows one submission's evaluation: asks for its fragments and puts them in place until it has ended, then
// loads the page once more for the result. Without this script the page's own link does the same by hand.

const QUICK_MS = 1000;
const SLOW_MS = 4000;
const QUICK_FOR_MS = 60000;
// A server that hangs is as good as away: said, and asked again.
const ANSWERS_WITHIN_MS = 10000;

const section = document.getElementById("progress");
const startedAt = Date.now();

function wait() {
  return Date.now() - startedAt < QUICK_FOR_MS ? QUICK_MS : SLOW_MS;
}

function put(answer, id) {
  const fresh = answer.getElementById(id);
  const shown = document.getElementById(id);
  // A screen reader hears only what changed: equal fragments are left alone.
  if (fresh !== null && shown !== null && shown.outerHTML !== fresh.outerHTML) {
    const focused = shown.contains(document.activeElement) ? document.activeElement.id : "";
    shown.replaceWith(document.adoptNode(fresh));
    if (focused) {
      document.getElementById(focused)?.focus();
    }
  }
  return document.getElementById(id);
}

function show(html) {
  const answer = new DOMParser().parseFromString(html, "text/html");
  if (answer.getElementById("progress-body") === null) {
    return null;
  }
  put(answer, "history-body");
  return put(answer, "progress-body");
}

async function follow() {
  let fragment = null;
  try {
    const answer = await fetch(section.dataset.url, {
      headers: { Accept: "text/html" },
      signal: AbortSignal.timeout(ANSWERS_WITHIN_MS),
    });
    if (answer.redirected || answer.status === 404) {
      document.getElementById("reload")?.removeAttribute("hidden");
      return; // signed out meanwhile: the page's own link leads to the login
    }
    if (answer.ok) {
      fragment = show(await answer.text());
    }
  } catch {
    // the network or the server is away for a moment: ask again later
  }
  document.getElementById("away")?.toggleAttribute("hidden", fragment !== null);
  if (fragment !== null && fragment.dataset.final === "true") {
    window.location.reload();
    return;
  }
  window.setTimeout(follow, wait());
}

if (section !== null) {
  document.getElementById("reload")?.setAttribute("hidden", "");
  window.setTimeout(follow, QUICK_MS);
}
