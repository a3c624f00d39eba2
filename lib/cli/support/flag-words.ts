// The library's advice in the options of the command: it speaks of `ifExists`, a shell has `--if-exists`.

/** Those that are not the same word in another spelling; empty: a shell has none. */
const FLAGS: Readonly<Record<string, string>> = {
  allowSharedDirectory: '--shared-directory',
  maxAttempts: '--attempts',
  sealed: '--unsealed',
  backoff: '--backoff',
  'backoff.delayMs': '--backoff',
  'backoff.maxDelayMs': '--backoff-max',
  'auth.secret': '--auth',
  'auth.scheme': '--auth',
  'tls.servername': '',
  'tls.passphrase': '',
  mode: '',
  maxStatusBytes: '',
  readOnly: '',
  boards: '',
}

const NAMED = /(?:the )?options? '([\w.]+)'(?: and '([\w.]+)')?(?:: ('?[\w-]+'?(?: or '[\w-]+')?))?/g

function flagOf(name: string): string | undefined {
  const known = FLAGS[name]
  if (known !== undefined) return known || undefined
  return `--${name
    .replace(/Ms$/, '')
    .replaceAll('.', '-')
    .replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

/** A message of the library for somebody at a shell. */
export function inFlags(message: string): string {
  return (
    message
      // Only `work --arg-file` makes one, which has its own advice.
      .replace(" with option 'ifExists': 'extend'", '')
      .replace("set the option 'allowSharedDirectory'", 'give --shared-directory')
      .replace(NAMED, (whole, name: string, second?: string, value?: string) => {
        const flags = [name, ...(second === undefined ? [] : [second])].map(flagOf)
        if (flags.includes(undefined)) return whole
        const text =
          value === undefined || /^(true|false)$/.test(value) ? '' : ` ${value.replaceAll("'", '')}`
        return flags.join(' and ') + text
      })
      // Where the library has said it for both.
      .replace(/(--[\w-]+) \(\1\)|(--[\w-]+) and (--[\w-]+) \(\2, \3\)/g, (_, one, two, three) =>
        one === undefined ? `${two} and ${three}` : one,
      )
  )
}
