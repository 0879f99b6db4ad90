'use strict';
(() => {
  const root = document.documentElement;
  const add = (parent, tag, properties) => parent.appendChild(Object.assign(document.createElement(tag), properties));

  // Light, dark, or as the system has it. Reports opened from a disk may have no storage.
  const stored = {
    get: () => { try { return localStorage.getItem('clf-theme'); } catch { return null; } },
    set: (theme) => { try { localStorage.setItem('clf-theme', theme); } catch { /* The choice lasts for this page. */ } },
  };
  const themes = ['auto', 'light', 'dark'];
  const show = (theme, button) => {
    if (theme === 'auto') delete root.dataset.theme; else root.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    button.dataset.theme = theme;
  };
  for (const place of document.querySelectorAll('.theme')) {
    const button = add(place, 'button', { type: 'button' });
    show(themes.includes(stored.get()) ? stored.get() : 'auto', button);
    button.addEventListener('click', () => {
      const next = themes[(themes.indexOf(button.dataset.theme) + 1) % themes.length];
      show(next, button);
      stored.set(next);
    });
  }

  // Tables are sorted by the column whose header is pressed: numbers from the largest on, texts from A on, then the other
  // way round. Rows without a number stay at the end.
  const keyOf = (row, column, numeric) => {
    const cell = row.cells[column];
    return numeric ? Number(cell.dataset.value ?? NaN) : cell.textContent.trim();
  };
  const compare = (a, b, numeric) => {
    if (!numeric) return a.localeCompare(b, 'en', { numeric: true });
    return a - b;
  };
  const sort = (table, header) => {
    const column = header.cellIndex;
    const numeric = header.dataset.type === 'number';
    const first = numeric ? 'descending' : 'ascending';
    const other = numeric ? 'ascending' : 'descending';
    const direction = header.getAttribute('aria-sort') === first ? other : first;
    const sign = direction === 'ascending' ? 1 : -1;
    const rows = [...table.tBodies[0].rows].map((row) => [keyOf(row, column, numeric), row]);
    rows.sort(([a], [b]) => {
      if (numeric && (Number.isNaN(a) || Number.isNaN(b))) return Number.isNaN(a) - Number.isNaN(b);
      return sign * compare(a, b, numeric);
    });
    table.tBodies[0].append(...rows.map(([, row]) => row));
    for (const one of table.tHead.rows[0].cells) one.setAttribute('aria-sort', one === header ? direction : 'none');
  };
  for (const table of document.querySelectorAll('table.sortable')) {
    for (const header of table.tHead.rows[0].cells) {
      const button = Object.assign(document.createElement('button'), { type: 'button', textContent: header.textContent });
      header.replaceChildren(button);
      header.setAttribute('aria-sort', 'none');
      button.addEventListener('click', () => sort(table, header));
    }
  }

  // Settings by text, or those that differ alone.
  for (const place of document.querySelectorAll('.filter')) {
    const rows = [...place.parentElement.querySelectorAll('table.config tbody tr')];
    const text = add(place, 'input', { type: 'search', placeholder: 'filter: key, value or origin' });
    text.setAttribute('aria-label', 'filter the settings');
    let differing = null;
    if (place.dataset.differences) {
      const label = add(place, 'label', {});
      differing = add(label, 'input', { type: 'checkbox' });
      label.append(' differences only');
    }
    const apply = () => {
      const wanted = text.value.trim().toLowerCase();
      for (const row of rows) {
        const found = row.textContent.toLowerCase().includes(wanted);
        row.hidden = !found || (differing?.checked && !row.classList.contains('differs'));
      }
    };
    text.addEventListener('input', apply);
    differing?.addEventListener('change', apply);
  }

  // Paper shows what is folded away.
  const opened = new Set();
  addEventListener('beforeprint', () => {
    for (const one of document.querySelectorAll('details:not([open])')) { one.open = true; opened.add(one); }
  });
  addEventListener('afterprint', () => {
    for (const one of opened) one.open = false;
    opened.clear();
  });
})();
