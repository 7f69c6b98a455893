// Arguments: a role, and a part of the accessible name. Gives the first visible element that fits, an exact name first.
const [role, name] = arguments;
const implied = {
  button: 'button', link: 'a[href]', textbox: 'input:not([type]), input[type=text], input[type=search], textarea',
  checkbox: 'input[type=checkbox]', radio: 'input[type=radio]', combobox: 'select', heading: 'h1, h2, h3, h4',
  navigation: 'nav', main: 'main', region: 'section[aria-label]', banner: 'header', complementary: 'aside', dialog: 'dialog', table: 'table', row: 'tr',
  cell: 'td', columnheader: 'th', list: 'ul, ol', listitem: 'li', form: 'form', searchbox: 'input[type=search]',
};
const selector = `[role="${role}"]` + (implied[role] ? `, :is(${implied[role]}):not([role])` : '');
const nameOf = (element) => {
  const by = element.getAttribute('aria-labelledby');
  const label = element.labels && element.labels.length > 0 ? element.labels[0].textContent : null;
  const named = by && by.split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? '').join(' ');
  const text = element.getAttribute('aria-label') ?? named ?? label ?? element.textContent ?? '';
  return (text || element.getAttribute('title') || element.getAttribute('placeholder') || '').replace(/\s+/g, ' ').trim();
};
const isShown = (element) => element.getClientRects().length > 0 && getComputedStyle(element).visibility !== 'hidden';
const fitting = [...document.querySelectorAll(selector)].filter((element) => isShown(element) && nameOf(element).includes(name));
return fitting.find((element) => nameOf(element) === name) ?? fitting[0] ?? null;
