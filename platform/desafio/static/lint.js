// Checks a proposal while it is being written: posts the form to the lint address after a pause and shows each
// problem under its field. Nothing is sent or spent; without this script the "check" button does the same.

const PAUSE_MS = 500;

const form = document.getElementById("propuesta");
let timer = 0;
let latest = null;

function listFor(field) {
  const input = form.querySelector(`[name="${field}"]`);
  const box = input?.closest(".field");
  if (!box) {
    return null;
  }
  let list = box.querySelector(".field-errors");
  if (list === null) {
    list = document.createElement("ul");
    list.className = "field-errors";
    list.id = `${input.id}_error`;
    box.append(list);
    const described = new Set((input.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
    input.setAttribute("aria-describedby", [...described.add(list.id)].join(" "));
  }
  return list;
}

function clear() {
  for (const list of form.querySelectorAll(".field-errors")) {
    list.replaceChildren();
    list.closest(".field").classList.remove("has-error");
  }
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
  }
}

function show(problems) {
  clear();
  for (const { field, text } of problems) {
    const list = listFor(field);
    if (list !== null) {
      const item = document.createElement("li");
      item.textContent = text;
      list.append(item);
      list.closest(".field").classList.add("has-error");
      form.querySelector(`[name="${field}"]`).setAttribute("aria-invalid", "true");
    }
  }
  const status = document.getElementById("lint-status");
  const said = problems.length === 0 ? status.dataset.fine : problems.map(({ text }) => text).join(" ");
  // Problems are seen under their fields; the status line then only speaks them.
  status.classList.toggle("unseen", problems.length > 0);
  if (status.textContent !== said) {
    status.textContent = said;
  }
}

async function lint() {
  latest?.abort();
  latest = new AbortController();
  const posted = new FormData(form);
  posted.delete("file");
  try {
    const answer = await fetch(form.dataset.lintUrl, { method: "POST", body: posted, signal: latest.signal });
    if (answer.ok && !answer.redirected) {
      show((await answer.json()).problems);
    }
  } catch {
    // aborted by a newer one, or no network: the check button still works
  }
}

form?.addEventListener("input", (event) => {
  if (event.target.type === "file") {
    return;
  }
  window.clearTimeout(timer);
  timer = window.setTimeout(lint, PAUSE_MS);
});
