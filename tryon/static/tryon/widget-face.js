/**
 * Hiding a face: it is cut out before the photo is sent, stays on this device and is put back on the preview. The
 * methods become those of <tryon-widget> when somebody asks for it.
 */

const FEATHER = 1.15; // the face is kept a little larger than it is covered, and fades out there
const SIDE = 96; // pixels across in which two pictures are compared
const MOVED = 18; // of 255: so different around the face means that the person is elsewhere in the picture

const sheet = new CSSStyleSheet();
sheet.replaceSync(`@layer tryon {
  .tryon-cover { position: relative; direction: ltr; touch-action: none; cursor: move; }
  .tryon-cover img { display: block; max-inline-size: 100%; max-block-size: min(38rem, 60dvh); pointer-events: none; }
  .tryon-oval {
    position: absolute; left: var(--tryon-x); top: var(--tryon-y); block-size: var(--tryon-size); aspect-ratio: 3 / 4; translate: -50% -50%;
    border: 2px solid #fff; border-radius: 50%; background: #b79c88; box-shadow: 0 0 0 2px #1b1815;
  }
  .tryon-range { display: grid; font-size: .875rem; }
  .tryon-range input { direction: ltr; min-block-size: 44px; margin: 0; accent-color: var(--tryon-accent); }
}`);
document.adoptedStyleSheets.push(sheet);

function drawing(width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  return [canvas, canvas.getContext("2d", { willReadFrequently: width <= SIDE })];
}

const jpeg = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));

/** The oval in pixels of a picture; `grown` scales it. */
const oval = ({ x, y, size }, width, height, grown = 1) => {
  const tall = (size * height * grown) / 2;
  return { x: x * width, y: y * height, wide: tall * 0.75, tall };
};

/**
 * Part a photo into what is sent, with a drawn face of one colour over the face, and the face alone, which stays here.
 * `place`: x and y of the middle and the height of the oval, in parts of the picture.
 */
async function part(photo, place) {
  const bitmap = await createImageBitmap(photo);
  const { width, height } = bitmap;
  const [face, over] = drawing(width, height);
  const soft = oval(place, width, height, FEATHER);
  over.drawImage(bitmap, 0, 0);
  over.globalCompositeOperation = "destination-in";
  over.translate(soft.x, soft.y);
  over.scale(soft.wide, soft.tall);
  const fade = over.createRadialGradient(0, 0, 1 / FEATHER, 0, 0, 1);
  fade.addColorStop(0, "#000");
  fade.addColorStop(1, "transparent");
  over.fillStyle = fade;
  over.fillRect(-width, -height, 2 * width, 2 * height);

  const [sent, pen] = drawing(width, height);
  pen.drawImage(bitmap, 0, 0);
  const { x, y, wide, tall } = oval(place, width, height);
  const [, few] = drawing(8, 8);
  few.imageSmoothingQuality = "high";
  few.drawImage(bitmap, x - wide / 2, y - tall / 2, wide, tall, 0, 0, 8, 8);
  const { data } = few.getImageData(0, 0, 8, 8);
  const mean = [0, 1, 2].map((channel) => data.reduce((sum, value, at) => sum + (at % 4 === channel ? value : 0), 0) / 64);
  const paint = (across, down, width, height, ...strength) => {
    pen.fillStyle = `rgb(${mean.map((value, channel) => Math.round(value * (strength[channel] ?? strength[0]))).join(" ")})`;
    pen.beginPath();
    pen.ellipse(x + across * wide, y + down * tall, width * wide, height * tall, 0, 0, 2 * Math.PI);
    pen.fill();
  };
  paint(0, 0, 1, 1, 1);
  for (const side of [-0.32, 0.32]) {
    paint(side, -0.13, 0.19, 0.02, 0.35); // everybody's brows, eyes, nose and mouth: engines look for a face
    paint(side, 0.02, 0.14, 0.06, 0.35);
  }
  paint(0, 0.17, 0.11, 0.035, 0.8);
  paint(0, 0.34, 0.27, 0.06, 0.75, 0.45, 0.45);
  bitmap.close();
  return { face: { face, sent, place, ratio: width / height }, photo: await jpeg(sent) };
}

/** Whether a preview shows the person elsewhere than the photo: judged around the head, where no garment is. */
function moved({ sent, place, ratio }, preview) {
  if (Math.abs(preview.width / preview.height / ratio - 1) > 0.02) return true;
  const height = Math.round(SIDE / ratio);
  const [one, other] = [sent, preview].map((picture) => {
    const [, pen] = drawing(SIDE, height);
    pen.drawImage(picture, 0, 0, SIDE, height);
    return pen.getImageData(0, 0, SIDE, height).data;
  });
  const { x, y, wide, tall } = oval(place, SIDE, height);
  let [sum, count] = [0, 0];
  for (let row = 0; row < Math.min(height, y + tall / 2); row++) {
    for (let column = 0; column < SIDE; column++) {
      const away = Math.hypot((column - x) / wide, (row - y) / tall);
      if (away < 1.2 || away > 2.2) continue;
      const at = 4 * (row * SIDE + column);
      for (let channel = 0; channel < 3; channel++) sum += Math.abs(one[at + channel] - other[at + channel]);
      count += 3;
    }
  }
  return sum / count > MOVED;
}

/** A JPEG with the marks of another one, which say that it was made by AI. */
async function marked(blob, original) {
  const view = new DataView(original);
  const marks = [];
  for (let at = 2; view.getUint16(at) >= 0xffe0 && view.getUint16(at) <= 0xffef; ) {
    const end = at + 2 + view.getUint16(at + 2);
    if ([0xffe1, 0xffed].includes(view.getUint16(at))) marks.push(original.slice(at, end));
    at = end;
  }
  const head = 4 + new DataView(await blob.slice(4, 6).arrayBuffer()).getUint16(0);
  return new Blob([blob.slice(0, head), ...marks, blob.slice(head)], { type: "image/jpeg" });
}

const face = {
  face_place() {
    const value = (name) => Number(this.$(`[data-tryon-view="face"] [name="${name}"]`).value) / 100;
    return { x: value("x"), y: value("y"), size: value("size") };
  },

  hide() {
    const view = this.$('[data-tryon-view="face"]');
    const cover = this.$("[data-tryon-cover]");
    const draw = () => {
      for (const [name, value] of Object.entries(this.face_place())) cover.style.setProperty(`--tryon-${name}`, `${100 * value}%`);
    };
    const follow = (event) => {
      if (event.type === "pointermove" && !event.buttons) return;
      event.preventDefault();
      const box = cover.getBoundingClientRect();
      view.querySelector('[name="x"]').value = (100 * (event.clientX - box.left)) / box.width;
      view.querySelector('[name="y"]').value = (100 * (event.clientY - box.top)) / box.height;
      draw();
    };
    view.oninput = draw;
    cover.onpointerdown = cover.onpointermove = follow;
    this.$("[data-tryon-bare]").src = this.picture;
    draw();
    this.show("face");
    view.focus();
  },

  async cover() {
    const { photoName } = this;
    const { face, photo } = await part(this.photo, this.face_place());
    this.setPhoto(photo, photoName);
    this.face = face;
    this.showPhoto();
    this.back();
  },

  /** Put the face back on a preview of the photo it was taken from. */
  async putBack(slot) {
    const { face } = this;
    this.saved = null;
    if (!face || slot.firstElementChild.dataset.photo !== this.photoId) return;
    for (const image of slot.querySelectorAll(`.tryon-after, .tryon-before, .tryon-beside [data-photo="${this.photoId}"]`)) {
      const data = await (await fetch(image.src)).arrayBuffer();
      const preview = await createImageBitmap(new Blob([data]));
      const after = image.matches(".tryon-after");
      if (after && moved(face, preview)) {
        const note = this.$('[data-tryon-tell="result"]');
        note.textContent = note.dataset.reframed;
        return;
      }
      const [canvas, pen] = drawing(preview.width, preview.height);
      pen.drawImage(preview, 0, 0);
      pen.drawImage(face.face, 0, 0, canvas.width, canvas.height);
      const whole = await jpeg(canvas);
      const blob = after ? await marked(whole, data) : whole;
      image.src = URL.createObjectURL(blob);
      if (!after) continue;
      this.saved = blob;
      this.$("[data-tryon-save]").href = image.src;
    }
  },
};

Object.assign(customElements.get("tryon-widget").prototype, face);
