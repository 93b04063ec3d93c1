/* Extras of the try-on pages in the admin. Everything works without: the page is then reloaded by hand. */
(() => {
  "use strict";

  const REFRESH_MS = 3000;
  const TYPING_MS = 400;
  const SENDING_MS = 5000;
  const STEP = 0.1; // how much must have changed before it is announced

  /* ---- a form is sent once; a list to download leaves its page where it is */

  function sendOnce(form) {
    form.addEventListener("submit", (event) => {
      if (event.submitter && event.submitter.name === "csv") {
        return;
      }
      if (form.dataset.sent) {
        event.preventDefault();
      }
      form.dataset.sent = "1";
      window.setTimeout(() => delete form.dataset.sent, SENDING_MS); // who stopped it may send it again
    });
    window.addEventListener("pageshow", () => delete form.dataset.sent);
  }

  /* ---- the order page: count and price follow every choice */

  function watchOrder(form) {
    const make = form.querySelector("[data-tryon-make]");
    const one = form.querySelector("[data-tryon-one]");
    const part = (name) => form.querySelector(`[data-tryon-part="${name}"]`);
    const makers = (page) => [...page.querySelectorAll("[data-tryon-maker]")].map((one) => one.dataset.tryonMaker).join();
    let timer = 0;
    let round = 0;

    function show() {
      const { shots, possible } = part("total").dataset;
      make.textContent = shots === "1" ? make.dataset.one : make.dataset.many.replace("{n}", shots);
      make.disabled = one.disabled = possible !== "1";
    }

    /* The options are only exchanged when somebody else makes it: what is being typed stays. */
    async function count() {
      const mine = ++round;
      make.disabled = one.disabled = true;
      const data = new FormData(form);
      data.set("fragment", "1");
      try {
        const answer = await fetch(form.action, { method: "POST", body: data, credentials: "same-origin", redirect: "error" });
        if (!answer.ok || mine !== round) {
          return;
        }
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        const other = (name) => document.importNode(fresh.querySelector(`[data-tryon-part="${name}"]`), true);
        part("total").replaceWith(other("total"));
        if (makers(form) !== makers(fresh)) {
          part("options").replaceWith(other("options"));
        }
        show();
      } catch {
        // offline or signed out: the buttons stay off, and the next choice asks again
      }
    }

    form.addEventListener("change", (event) => {
      if (event.target.name !== "name") {
        count();
      }
    });
    form.addEventListener("input", (event) => {
      if (event.target.matches("textarea, [name=max_cost]")) {
        window.clearTimeout(timer);
        timer = window.setTimeout(count, TYPING_MS);
      }
    });
    window.addEventListener("pageshow", (event) => {
      if (event.persisted || part("total").dataset.shots !== String(form.querySelector("[data-tryon-count]").value)) {
        count();
      }
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
        const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
        part.replaceWith(document.importNode(other, true));
        const again = focused && document.getElementById(focused);
        if (again) {
          again.focus();
        }
      }
    });
  }

  function watchShots(live) {
    const part = () => live.querySelector("[data-tryon-part]");
    const running = () => Number(part().dataset.running);
    const status = live.querySelector("[data-tryon-status]");
    const address = new URL(window.location.href);
    if ("fragment" in live.dataset) {
      address.searchParams.set("fragment", "1");
    }
    let most = running();
    let announced = shareDone();
    let timer = 0;
    let busy = false;

    /* What is done, 0 to 1: as the page says, else from how much was running at first. */
    function shareDone() {
      const { share } = part().dataset;
      return share === undefined ? 1 - running() / Math.max(1, most) : Number(share) / 100;
    }

    function announce() {
      most = Math.max(most, running());
      const done = shareDone();
      if (done - announced >= STEP || (running() === 0 && announced < 1)) {
        announced = running() === 0 ? 1 : done;
        status.textContent = part().dataset.words;
      }
    }

    async function refresh() {
      if (busy || document.hidden || running() === 0) {
        return;
      }
      busy = true;
      try {
        const answer = await fetch(address, { credentials: "same-origin", redirect: "error" });
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
    document.querySelectorAll("form[data-tryon-once]").forEach(sendOnce);
    document.querySelectorAll("[data-tryon-order]").forEach(watchOrder);
    document.querySelectorAll("[data-tryon-live]").forEach(watchShots);
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
