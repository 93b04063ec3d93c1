/* Picture tools: painting a mask, before and after. Blind comparison: keys. Everything works without it too. */
(() => {
  "use strict";

  const LONGEST = 1024; // pixels of the drawing that is sent
  const PAINT = "rgba(214, 30, 60, 1)";

  /* ---- the mask */

  class Painter {
    constructor(form, stage, brush) {
      this.form = form;
      this.image = stage.querySelector("img");
      this.brush = brush;
      this.size = brush.querySelector("[data-tryon-size]");
      this.undoButton = brush.querySelector("[data-tryon-undo]");
      this.clearButton = brush.querySelector("[data-tryon-clear]");
      this.words = brush.querySelector("[data-tryon-marked]");
      this.boxes = form.querySelector("[data-tryon-box]");
      this.strokes = [];
      this.stroke = null;
      const scale = Math.min(1, LONGEST / Math.max(this.image.width, this.image.height, this.natural("width"), this.natural("height")));
      this.canvas = document.createElement("canvas");
      this.canvas.width = Math.max(1, Math.round(this.natural("width") * scale));
      this.canvas.height = Math.max(1, Math.round(this.natural("height") * scale));
      this.canvas.style.opacity = "0.5";
      this.canvas.setAttribute("aria-hidden", "true");
      stage.append(this.canvas);
      brush.hidden = false;
      this.listen();
      this.draw();
    }

    natural(side) {
      return Number(this.image.getAttribute(side)) || this.image[side];
    }

    listen() {
      this.canvas.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) {
          return;
        }
        event.preventDefault();
        this.canvas.setPointerCapture(event.pointerId);
        this.stroke = { width: (Number(this.size.value) / 100) * Math.max(this.canvas.width, this.canvas.height), points: [this.point(event)] };
        this.strokes.push(this.stroke);
        this.draw();
      });
      this.canvas.addEventListener("pointermove", (event) => {
        if (this.stroke) {
          this.stroke.points.push(this.point(event));
          this.draw();
        }
      });
      for (const end of ["pointerup", "pointercancel"]) {
        this.canvas.addEventListener(end, () => {
          this.stroke = null;
          this.tell();
        });
      }
      this.undoButton.addEventListener("click", () => this.change(() => this.strokes.pop()));
      this.clearButton.addEventListener("click", () => this.change(() => (this.strokes = [])));
      this.form.addEventListener("keydown", (event) => {
        const typing = event.target.closest("input:not([type=range]), textarea, select");
        if ((event.ctrlKey || event.metaKey) && event.key === "z" && !typing && this.strokes.length) {
          event.preventDefault();
          this.change(() => this.strokes.pop());
        }
      });
      if (this.boxes) {
        this.boxes.addEventListener("input", () => {
          this.draw();
          this.tell();
        });
      }
      this.form.addEventListener("submit", () => {
        this.form.elements.drawing.value = this.strokes.length ? this.mask() : "";
      });
    }

    change(act) {
      act();
      this.draw();
      this.tell();
    }

    point(event) {
      const box = this.canvas.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * this.canvas.width, ((event.clientY - box.top) / box.height) * this.canvas.height];
    }

    box() {
      const value = (name) => Number(this.boxes.querySelector(`[name$="-${name}"]`).value) / 100;
      const { width, height } = this.canvas;
      return [value("left") * width, value("top") * height, value("width") * width, value("height") * height];
    }

    paint(pen, colour) {
      pen.strokeStyle = pen.fillStyle = colour;
      pen.lineCap = pen.lineJoin = "round";
      for (const { width, points } of this.strokes) {
        pen.lineWidth = width;
        pen.beginPath();
        pen.moveTo(...points[0]);
        for (const point of points.length > 1 ? points.slice(1) : points) {
          pen.lineTo(...point);
        }
        pen.stroke();
      }
    }

    draw() {
      const pen = this.canvas.getContext("2d");
      pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
      this.paint(pen, PAINT);
      if (this.boxes) {
        pen.fillRect(...this.box());
      }
      this.undoButton.disabled = this.clearButton.disabled = this.strokes.length === 0;
    }

    tell() {
      const pixels = this.canvas.getContext("2d").getImageData(0, 0, this.canvas.width, this.canvas.height).data;
      let marked = 0;
      for (let i = 3; i < pixels.length; i += 4) {
        marked += pixels[i] > 127 ? 1 : 0;
      }
      const share = (400 * marked) / pixels.length;
      const number = share >= 10 ? Math.round(share) : Number(share.toFixed(1));
      this.words.textContent = marked ? this.words.dataset.some.replace("{n}", number) : this.words.dataset.none;
    }

    /* white on black, as a data URI; the rectangle goes as its own fields */
    mask() {
      const copy = document.createElement("canvas");
      copy.width = this.canvas.width;
      copy.height = this.canvas.height;
      const pen = copy.getContext("2d");
      pen.fillStyle = "#000";
      pen.fillRect(0, 0, copy.width, copy.height);
      this.paint(pen, "#fff");
      return copy.toDataURL("image/png");
    }
  }

  function startPainting(form) {
    const brush = form.querySelector("[data-tryon-brush]");
    const stage = document.querySelector("[data-tryon-canvas]");
    if (brush && stage && stage.querySelector("img")) {
      new Painter(form, stage, brush);
    }
  }

  /* ---- blind comparison: 1, 2, 3 chooses the best, letters say "good too", 0 none, Enter saves */

  function judge(form) {
    const radios = [...form.querySelectorAll("input[type=radio]")];
    const follow = () => {
      const best = radios.find((radio) => radio.checked);
      form.querySelectorAll("input[name=good]").forEach((box) => {
        const forced = best !== undefined && box.value === best.value;
        if (forced) {
          box.checked = true;
        } else if (best !== undefined && best.value === "") {
          box.checked = false;
        }
      });
    };
    form.addEventListener("change", (event) => {
      if (event.target.type === "radio") {
        follow();
      }
    });
    form.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, textarea")) {
        return;
      }
      if (event.key === "Enter" && !event.target.closest("button, a")) {
        event.preventDefault();
        form.requestSubmit(form.querySelector("[data-tryon-save]"));
        return;
      }
      const radio = form.querySelector(`input[type=radio][data-key="${CSS.escape(event.key)}"]`);
      const good = form.querySelector(`input[name=good][data-key="${CSS.escape(event.key.toLowerCase())}"]`);
      if (radio) {
        event.preventDefault();
        radio.checked = true;
        radio.focus();
        follow();
      } else if (good) {
        event.preventDefault();
        good.checked = !good.checked;
      }
    });
    const first = radios[0];
    if (first && !document.activeElement.closest("form[data-tryon-judge]")) {
      first.focus({ preventScroll: true });
    }
  }

  function start() {
    document.querySelectorAll("form[data-tryon-tool]").forEach(startPainting);
    document.querySelectorAll("form[data-tryon-judge]").forEach(judge);
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
