/* Extras of the try-on pages in the admin. Everything works without: the page is then reloaded by hand. */
(() => {
  "use strict";

  const REFRESH_MS = 3000;
  const STEP = 0.1; // how much must have changed before it is announced

  /* ---- the confirm page: the count follows the ticks, and the form goes out once */

  function watchOrder(form) {
    const make = form.querySelector("[data-tryon-make]");
    const one = form.querySelector("[data-tryon-one]");
    const output = form.querySelector("[data-tryon-count]");
    const missing = form.querySelector("[name=missing]");

    function count() {
      const column = missing && missing.checked ? "missing" : "all";
      const ticked = [...form.querySelectorAll("[name=models]:checked")];
      const shots = ticked.reduce((sum, box) => sum + Number(box.dataset[column]), 0);
      output.value = shots;
      make.textContent = shots === 1 ? make.dataset.one : make.dataset.many.replace("{n}", shots);
      make.disabled = one.disabled = shots === 0;
    }

    form.addEventListener("change", count);
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) {
        event.preventDefault();
      }
      form.dataset.sent = "1";
    });
    window.addEventListener("pageshow", () => {
      delete form.dataset.sent;
      count();
    });
  }

  /* ---- lists and pages of shots: refreshed while something is being made */

  const keyOf = (row) => {
    const box = row.querySelector("input.action-select");
    const link = row.querySelector("th a, td a");
    return box ? box.value : link ? link.getAttribute("href") : "";
  };

  /* A row keeps its tick box; the other cells are taken over where they changed. */
  function updateRow(row, fresh) {
    const cells = [...row.cells];
    [...fresh.cells].forEach((cell, index) => {
      const old = cells[index];
      if (!old.classList.contains("action-checkbox") && old.innerHTML !== cell.innerHTML) {
        const focused = old.contains(document.activeElement);
        old.innerHTML = cell.innerHTML;
        const link = focused && old.querySelector("a");
        if (link) {
          link.focus();
        }
      }
    });
  }

  function updateTable(fresh) {
    const body = document.querySelector("#result_list tbody");
    const freshBody = fresh.querySelector("#result_list tbody");
    if (!body || !freshBody) {
      return;
    }
    const known = new Map([...body.rows].map((row) => [keyOf(row), row]));
    const rows = [...freshBody.rows].map((row) => {
      const old = known.get(keyOf(row));
      if (old && old.cells.length === row.cells.length) {
        updateRow(old, row);
        return old;
      }
      return document.importNode(row, true);
    });
    if (rows.length !== body.rows.length || rows.some((row, index) => row !== body.rows[index])) {
      body.replaceChildren(...rows);
    }
  }

  function updateParts(fresh) {
    document.querySelectorAll("[data-tryon-part]").forEach((part) => {
      const other = fresh.querySelector(`[data-tryon-part="${part.dataset.tryonPart}"]`);
      if (other && other.outerHTML !== part.outerHTML) {
        part.replaceWith(document.importNode(other, true));
      }
    });
  }

  function watchShots(live) {
    const part = () => live.querySelector("[data-tryon-part]");
    const running = () => Number(part().dataset.running);
    const status = live.querySelector("[data-tryon-status]");
    let most = running();
    let announced = 0;
    let timer = 0;
    let busy = false;

    function announce() {
      most = Math.max(most, running());
      const done = 1 - running() / most;
      if (done - announced >= STEP || (running() === 0 && announced < 1)) {
        announced = done;
        status.textContent = part().dataset.words;
      }
    }

    async function refresh() {
      if (busy || document.hidden || running() === 0) {
        return;
      }
      busy = true;
      try {
        const answer = await fetch(window.location.href, { credentials: "same-origin", redirect: "error" });
        if (answer.ok) {
          const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
          updateTable(fresh);
          updateParts(fresh);
          announce();
        }
      } catch {
        // offline or signed out: the next round tries again
      } finally {
        busy = false;
      }
      if (running() === 0) {
        window.clearInterval(timer);
      }
    }

    if (most > 0) {
      timer = window.setInterval(refresh, REFRESH_MS);
      document.addEventListener("visibilitychange", refresh);
    }
  }

  function start() {
    document.querySelectorAll("[data-tryon-order]").forEach(watchOrder);
    document.querySelectorAll("[data-tryon-live]").forEach(watchShots);
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
