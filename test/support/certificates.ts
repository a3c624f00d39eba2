// Certificates for the tests of TLS, by openssl: an authority, what it signs, and another authority.

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Paths of PEM files. */
export interface Certificates {
  readonly ca: string
  readonly otherCa: string
  /** Key and certificate in one file; for 127.0.0.1, ::1 and the name `zookeeper.test`. */
  readonly server: string
  readonly client: KeyPair
  readonly expired: KeyPair
  /** Signed by the other authority. */
  readonly stranger: KeyPair
}

export interface KeyPair {
  readonly cert: string
  readonly key: string
}

export function makeCertificates(folder: string): Certificates {
  const at = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const authority = (name: string) => {
    const files = ['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)]
    openssl('req', '-x509', ...newKey, ...files, '-subj', `/CN=${name}`, '-days', '2')
    return at(`${name}.pem`)
  }
  const signed = (name: string, by: string, days: string, extensions = ''): KeyPair => {
    const [key, request, cert, file] = ['key', 'csr', 'pem', 'ext'].map((end) => at(`${name}.${end}`))
    openssl('req', ...newKey, '-keyout', key!, '-out', request!, '-subj', `/CN=${name}/O=rollcall`)
    writeFileSync(file!, extensions)
    const authority = ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial', '-extfile', file!]
    openssl('x509', '-req', '-in', request!, ...authority, '-out', cert!, '-days', days)
    return { cert: cert!, key: key! }
  }
  const [ca, otherCa] = [authority('ca'), authority('other')]
  const names = 'subjectAltName=IP:127.0.0.1,IP:::1,DNS:zookeeper.test'
  const { cert, key } = signed('server', 'ca', '2', names)
  writeFileSync(at('both.pem'), `${readFileSync(key, 'utf8')}${readFileSync(cert, 'utf8')}`)
  return {
    ca,
    otherCa,
    server: at('both.pem'),
    client: signed('client', 'ca', '2'),
    expired: signed('expired', 'ca', '-1'),
    stranger: signed('stranger', 'other', '2'),
  }
}
