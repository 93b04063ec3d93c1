// A size that was chosen is kept when the colour changes. Everything works without this.

document.getElementById("add-to-bag").addEventListener("change", (event) => {
  if (event.target.name !== "size") return;
  for (const link of document.querySelectorAll("a[data-keeps-size]")) {
    link.search = `?size=${encodeURIComponent(event.target.value)}`;
  }
});
