// Numbers as people read them.

/** `1,234`. */
export function countText(n: number): string {
  return Math.round(n).toLocaleString('en-US')
}

/** `1,234/s`, `0.4/s`. */
export function rateText(perSecond: number): string {
  return `${perSecond > 0 && perSecond < 9.95 ? perSecond.toFixed(1) : countText(perSecond)}/s`
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** `12 B`, `3.4 MB`: thousands of thousands. */
export function bytesText(bytes: number): string {
  let n = Math.max(0, bytes)
  let unit = 0
  while (n >= 999.5 && unit < UNITS.length - 1) {
    n /= 1000
    unit++
  }
  return `${unit > 0 && n < 99.95 ? n.toFixed(1) : Math.round(n)} ${UNITS[unit]}`
}
