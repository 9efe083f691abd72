// The one thing that needs a script: rows of the table that hold none of what was typed are hidden.
const filter = document.getElementById("filter");
if (filter) {
  const rows = [...document.querySelectorAll("#runs tbody tr")];
  filter.hidden = false;
  filter.addEventListener("input", () => {
    const wanted = filter.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}
