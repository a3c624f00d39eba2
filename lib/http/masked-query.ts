// Secrets in queries: links that sign in, reset a password or open a file carry them, and a board shows what it has
// for minutes, to whoever may look. By their names, as logs of web frameworks leave them out.

/** More of a path is on no board. */
const MOST_SHOWN = 2048

const SECRET =
  /passw|pwd|secret|token|credential|signature|session|jwt|otp|auth(?!or)|(?:^|[-_.]|api|access)key(?:id)?$|^(?:code|sig|sid|pass)$/i

/** `/login?next=/a&token=***`: a URL without the values of those in its query whose names say that they are secret. */
export function maskQuery(url: string): string {
  const at = url.indexOf('?')
  return at < 0
    ? url
    : url.slice(0, at + 1) +
        url
          .slice(at + 1, MOST_SHOWN)
          .split('&')
          .map(masked)
          .join('&')
}

function masked(pair: string): string {
  const at = pair.indexOf('=')
  return at < 0 || !SECRET.test(pair.slice(0, at)) ? pair : `${pair.slice(0, at)}=***`
}
