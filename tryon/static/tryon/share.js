/**
 * A link that was just made: handed to another app where the browser can, else copied. Without scripts the field holds
 * it, and the button stays hidden.
 */

const field = document.querySelector("#tryon-link");
const button = document.querySelector("[data-tryon-pass]");
const { title, copy, copied } = button.dataset;

async function copyLink() {
  field.select();
  // the second is for pages that are not served over https
  const done = await navigator.clipboard?.writeText(field.value).then(() => true, () => false);
  button.textContent = done || document.execCommand("copy") ? copied : copy;
}

function pass() {
  if (!navigator.share) return copyLink();
  // the shopper may think better of it; where nothing takes links, the next tap copies
  navigator.share({ url: field.value, title }).catch(({ name }) => {
    if (name === "AbortError") return;
    button.textContent = copy;
    button.onclick = copyLink;
  });
}

if (!navigator.share) button.textContent = copy;
button.onclick = pass;
button.hidden = false;
