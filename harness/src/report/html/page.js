"use strict";
(() => {
  const element = id => document.getElementById(id);
  const root = document.documentElement;

  // Light or dark, first as the reader's system has it.
  const theme = element("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const nameTheme = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
  });
  dark.addEventListener("change", nameTheme);
  nameTheme();
  theme.hidden = false;

  // Filters. A row without a phase is in all of them.
  const form = element("filters");
  const causes = [...document.querySelectorAll(".cause")];
  const rows = [...causes, ...document.querySelectorAll(".clauses li")].map(row => ({
    row,
    text: row.textContent.toLowerCase(),
    phases: row.dataset.phases === undefined ? null : row.dataset.phases.split(" "),
  }));
  const filter = () => {
    const words = element("text").value.toLowerCase().split(/\s+/).filter(word => word);
    const [verdict, level, phase] = ["verdict", "level", "phase"].map(id => element(id).value);
    for (const { row, text, phases } of rows) {
      row.hidden = !(words.every(word => text.includes(word))
        && (!verdict || row.dataset.verdict === verdict)
        && (!level || row.dataset.level === level)
        && (!phase || phases === null || phases.includes(phase)));
    }
    for (const section of document.querySelectorAll("section.causes")) {
      section.hidden = !section.querySelector(".cause:not([hidden])");
    }
    const shown = causes.filter(cause => !cause.hidden).length;
    element("shown").textContent = shown === causes.length
      ? `${shown} findings` : `${shown} of ${causes.length} findings`;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  form.hidden = causes.length === 0;

  // All findings at once.
  const open = element("open");
  open.addEventListener("click", () => {
    const opens = open.getAttribute("aria-pressed") === "false";
    for (const cause of causes) cause.open = opens && !cause.hidden;
    open.setAttribute("aria-pressed", String(opens));
    open.textContent = opens ? "Close all" : "Open all";
  });

  // A link to something that is closed or filtered out shows it.
  const reveal = () => {
    const target = document.querySelector(":target");
    if (!target) return;
    if (target.closest("[hidden]")) form.reset();
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    setTimeout(() => target.scrollIntoView());
  };
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();

  // Paper shows all findings.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = causes.filter(cause => !cause.open);
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
})();
