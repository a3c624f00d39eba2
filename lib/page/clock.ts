// Times of day as the page says them: by the clock and in the zone of the machine that it tells of.

const two = (n: number) => String(n).padStart(2, '0')

/** `2026-11-30 22:36:09`. */
export function clockText(at: number): string {
  const date = new Date(at)
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${dayTimeText(at)}`
}

/** `22:36:09`. */
export function dayTimeText(at: number): string {
  const date = new Date(at)
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}
