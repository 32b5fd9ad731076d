// Moves the trace players of a page. What a step says is in the page as text, and what it changes beside it, worked out
// where the page was made: nothing here knows what a call means.
"use strict";
(() => {
  const SIGNS = { new: ["+", "new"], changed: ["~", "changed"], gone: ["−", "gone"] };
  const KEYS = {
    ArrowRight: "step-on", ArrowLeft: "step-back", ArrowDown: "stage-on", ArrowUp: "stage-back",
    Home: "first", End: "last",
  };
  // A finger that goes further than this to a side means the step beside, in CSS pixels.
  const SWIPE = 40;

  const start = (figure) => {
    if (figure.classList.contains("rp-on")) return;
    const all = (selector) => [...figure.querySelectorAll(selector)];
    const one = (selector) => figure.querySelector(selector);
    const steps = all(".rp-steps > li");
    if (steps.length === 0) return;
    const stages = all(".rp-stage");
    const stageOf = steps.map((step) => stages.indexOf(step.closest(".rp-stage")));
    const differences = steps.map((step) => JSON.parse(step.dataset.d || "[]"));
    const rows = new Map(all("[data-r]").map((row) => [Number(row.dataset.r), row]));
    const [slider, map, live] = [one(".rp-slider"), all(".rp-map i"), one(".rp-live")];
    let at = 0;

    // What is in each row after a step, from the first on: a few hundred small differences.
    const after = (step) => {
      const cells = new Map();
      differences.slice(0, step + 1).flat().forEach(([row, ...cell]) => cell.length ? cells.set(row, cell) : cells.delete(row));
      return cells;
    };

    const fill = (row, cell, mark) => {
      row.hidden = !cell;
      if (!cell) return;
      for (const name of Object.keys(SIGNS)) row.classList.toggle(`rp-${name}`, name === mark);
      const sign = row.querySelector(".rp-mark");
      sign.textContent = mark ? SIGNS[mark][0] : "";
      sign.title = mark ? SIGNS[mark][1] : "";
      // A picture, so that it is read out as the word.
      for (const [name, value] of [["role", "img"], ["aria-label", sign.title]]) {
        if (mark) sign.setAttribute(name, value); else sign.removeAttribute(name);
      }
      row.querySelector(".rp-value").textContent = cell[0];
      row.querySelector(".rp-beside").textContent = cell[1] || "";
    };

    // Shows the state after the current step; gives what changed, in words.
    const showState = () => {
      const [before, now] = [after(at - 1), after(at)];
      const touched = new Set(differences[at].map(([row]) => row));
      const words = [];
      for (const [number, row] of rows) {
        const mark = !touched.has(number) ? "" : !now.has(number) ? "gone" : before.has(number) ? "changed" : "new";
        fill(row, now.get(number) || (mark === "gone" && before.get(number)), mark);
        row.classList.toggle("rp-by", String(number) === steps[at].dataset.by);
        if (mark && !row.hidden) {
          const panel = row.closest(".rp-panel").getAttribute("aria-label");
          words.push(`${panel}: ${SIGNS[mark][1]} ${row.querySelector(".rp-key").textContent} ${row.querySelector(".rp-value").textContent}`);
        }
      }
      for (const panel of all(".rp-panel")) {
        const list = panel.querySelector(".rp-rows");
        const marked = list.querySelector(".rp-new:not([hidden]), .rp-changed:not([hidden]), .rp-gone:not([hidden])");
        panel.classList.toggle("rp-touched", Boolean(marked));
        panel.classList.toggle("rp-empty", !list.querySelector("li:not([hidden])"));
        if (marked && (marked.offsetTop < list.scrollTop || marked.offsetTop + marked.offsetHeight > list.scrollTop + list.clientHeight)) {
          list.scrollTop = marked.offsetTop - list.clientHeight / 2;
        }
        // The keyboard stops at a list only where there is something to scroll.
        list.tabIndex = list.scrollHeight > list.clientHeight ? 0 : -1;
      }
      return words;
    };

    const show = (to, aloud = true) => {
      steps[at].classList.remove("rp-current");
      stages[stageOf[at]].classList.remove("rp-current");
      at = Math.min(Math.max(to, 0), steps.length - 1);
      const stage = stageOf[at];
      steps[at].classList.add("rp-current");
      stages[stage].classList.add("rp-current");
      map.forEach((part, number) => {
        part.classList.toggle("rp-past", number < stage);
        part.classList.toggle("rp-current", number === stage);
      });
      const place = `step ${at + 1} of ${steps.length} · stage ${stage + 1} of ${stages.length}`;
      one(".rp-at").textContent = place;
      slider.value = at + 1;
      slider.setAttribute("aria-valuetext", `${place}, ${stages[stage].dataset.stage}`);
      const ends = { "step-back": at === 0, "stage-back": at === 0, "step-on": at === steps.length - 1, "stage-on": stage === stages.length - 1 };
      all("button[data-go]").forEach((button) => button.setAttribute("aria-disabled", ends[button.dataset.go]));
      const words = showState();
      if (aloud) live.textContent = [`${place}, ${stages[stage].dataset.stage}`, steps[at].textContent, ...words].join(". ");
    };

    // Back goes to the beginning of this stage first, as in a player of music.
    const go = (where) => {
      const stage = stageOf[at];
      const first = (wanted) => stageOf.indexOf(Math.min(Math.max(wanted, 0), stages.length - 1));
      const to = {
        "step-on": at + 1, "step-back": at - 1, first: 0, last: steps.length - 1,
        "stage-on": stage === stages.length - 1 ? at : first(stage + 1),
        "stage-back": at === first(stage) ? first(stage - 1) : first(stage),
      };
      show(to[where]);
    };

    figure.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-go]");
      if (button) go(button.dataset.go);
    });
    slider.addEventListener("input", () => show(Number(slider.value) - 1));
    figure.addEventListener("keydown", (event) => {
      const where = KEYS[event.key];
      if (!where || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      // The book turns its pages by the same keys: while the player has the focus they are the player's.
      event.stopPropagation();
      // The slider knows these keys itself.
      if (event.target === slider) return;
      // A list that is longer than its box is moved up and down by the keys for that.
      const list = event.target.closest(".rp-rows");
      if (list && list.scrollHeight > list.clientHeight && !where.startsWith("step")) return;
      event.preventDefault();
      go(where);
    });

    const shown = one(".rp-stages");
    let finger = null;
    shown.addEventListener("touchstart", (event) => {
      // The book's sidebar comes out after a finger, too.
      event.stopPropagation();
      finger = event.touches.length === 1 ? event.touches[0] : null;
    }, { passive: true });
    shown.addEventListener("touchend", (event) => {
      if (!finger) return;
      const [x, y] = [event.changedTouches[0].clientX - finger.clientX, event.changedTouches[0].clientY - finger.clientY];
      finger = null;
      if (Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y)) go(x < 0 ? "step-on" : "step-back");
    }, { passive: true });

    figure.tabIndex = 0;
    figure.classList.add("rp-on");
    one(".rp-controls").hidden = false;
    one(".rp-panels").hidden = false;
    show(0, false);
  };

  const startAll = () => document.querySelectorAll(".rlab-player").forEach(start);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startAll);
  else startAll();
})();
