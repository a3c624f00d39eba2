// TLS for a client that knows none: Node's own, in the thread that runs the client. The client gets one end of a pair of
// sockets; what passes the other end goes through a TLS connection whose server was verified before. The pair has no
// name and no port, so no other process can use it.

import { X509Certificate } from 'node:crypto'
import { isIP, Socket } from 'node:net'
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from 'node:tls'
import type { TlsOptions } from '../../types'
import type { Trouble } from './protocol'
import { type Server, textOf } from './servers'

/** How a message ends that says what to do. */
const PLAIN_PORT =
  'it may be a plain port: give the secureClientPort of the server, or connect with zk:// and without TLS'
const CLIENT_CERTIFICATE = "options 'tls.cert' and 'tls.key' (--tls-cert, --tls-key)"

type Explanation = readonly [pattern: RegExp, why: (message: string) => string]

/** By the code of Node's error, or what it says where it has none. */
const EXPLANATIONS: readonly Explanation[] = [
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    (message) =>
      `its certificate is for another name (${message}): use a name that is in it, or option 'tls.servername'`,
  ],
  [
    /^(UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|CERT_UNTRUSTED|INVALID_CA)/,
    (message) =>
      `its certificate is of an authority that is not known here (${message}): give that authority's certificate as option 'tls.ca' (--tls-ca)`,
  ],
  [
    /^CERT_HAS_EXPIRED$/,
    () => 'its certificate has expired: the server needs a new one, or the clock of this machine is wrong',
  ],
  [/^CERT_NOT_YET_VALID$/, () => 'its certificate is not valid yet: is the clock of this machine wrong?'],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH|UNEXPECTED_MESSAGE$/, () => `it does not speak TLS; ${PLAIN_PORT}`],
  [
    /ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_SHARED_CIPHER/,
    (message) => `it speaks another version of TLS than this Node (${message})`,
  ],
]

export class TlsClient {
  readonly #options: TlsOptions
  readonly #context: SecureContext

  /** Throws where the certificates and keys are none, or do not belong together. */
  constructor(options: TlsOptions) {
    this.#options = options
    const { ca, cert, key, passphrase } = options
    this.#context = createSecureContext({ ca, cert, key, passphrase })
  }

  /** Connects and verifies the server. Rejects with Node's error, or with the reason of `signal`. */
  open(server: Server, signal: AbortSignal): Promise<Tunnel> {
    const { servername, rejectUnauthorized = true } = this.#options
    const name = servername ?? server.host
    const socket = connect({
      host: server.ip,
      port: server.port,
      secureContext: this.#context,
      servername: isIP(name) === 0 ? name : '',
      checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
      rejectUnauthorized,
    })
    socket.setNoDelay(true)
    return new Promise((resolve, reject) => {
      const abort = () => socket.destroy(signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      socket.once('error', reject)
      socket.once('secureConnect', () => {
        signal.removeEventListener('abort', abort)
        socket.off('error', reject)
        resolve(new Tunnel(socket))
      })
    })
  }

  /** What an error of a connection means, and what to do. `isFinal`: where it would come again. */
  explain(server: Server, error: NodeJS.ErrnoException): Trouble {
    const { code = '', message } = error
    const known = EXPLANATIONS.find(([pattern]) => pattern.test(code))
    const why = known?.[1](message) ?? this.#refusal(code) ?? this.#ending(code, message)
    const isFinal = known !== undefined || /ALERT/.test(code)
    return { code: 'ERR_TLS', message: `${textOf(server)}: ${why}`, isFinal }
  }

  /** The server has said that it does not like our certificate, or that there is none. */
  #refusal(code: string): string | undefined {
    if (!/ALERT/.test(code)) return undefined
    const alert = code.replace(/^ERR_(SSL|OSSL)_/, '').toLowerCase()
    const { cert } = this.#options
    if (cert === undefined)
      return `it asks for a certificate of the client (${alert}): give ${CLIENT_CERTIFICATE}`
    return `it refused the certificate of the client (${alert}): ${expiry(cert) ?? 'its authority is not one that the server knows'}`
  }

  #ending(code: string, message: string): string {
    // Node says so of a connection that ended in the middle of the handshake.
    if (code === 'ECONNRESET') return `it ended the connection during the TLS handshake; ${PLAIN_PORT}`
    return message
  }

  /** The connection ended after the handshake and before ZooKeeper's answer, without an alert. */
  explainEnd(server: Server): Trouble {
    const { cert } = this.#options
    const why =
      cert === undefined
        ? `it may ask for a certificate of the client: give ${CLIENT_CERTIFICATE}`
        : expiry(cert)
    const message = `${textOf(server)}: it ended the connection after the TLS handshake${why ? `; ${why}` : ''}`
    return { code: 'ERR_TLS', message, isFinal: false }
  }
}

/** That the certificate is out of date, where it is. */
function expiry(cert: TlsOptions['cert']): string | undefined {
  const first = Array.isArray(cert) ? cert[0] : cert
  if (first === undefined) return undefined
  const { validFrom, validTo } = new X509Certificate(first)
  if (Date.parse(validTo) < Date.now()) return `it expired on ${validTo}`
  if (Date.parse(validFrom) > Date.now()) return `it is not valid before ${validFrom}`
  return undefined
}

/** A verified TLS connection, and the pair of sockets that leads into it. */
export class Tunnel {
  readonly #tls: TLSSocket
  #pair: Socket | undefined
  /** Why it ended, where the server has said so. */
  failure: Error | undefined

  constructor(tls: TLSSocket) {
    this.#tls = tls
    tls.on('error', (error) => {
      this.failure ??= error
    })
    tls.on('close', () => this.#pair?.destroy())
  }

  /** Takes the other end of the client's pair, as a descriptor. */
  carry(fd: number): void {
    const pair = new Socket({ fd, readable: true, writable: true })
    this.#pair = pair
    pair.on('error', () => this.destroy())
    pair.pipe(this.#tls)
    this.#tls.pipe(pair)
    if (this.#tls.destroyed) pair.destroy()
  }

  destroy(): void {
    this.#tls.destroy()
    this.#pair?.destroy()
  }
}

/** Whether a server that ended a plain connection without an answer speaks TLS. */
export function speaksTls(server: Server, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: server.ip, port: server.port, rejectUnauthorized: false })
    const answer = (speaks: boolean) => {
      resolve(speaks)
      socket.destroy()
    }
    socket.setTimeout(limitMs, () => answer(false))
    socket.once('secureConnect', () => answer(true))
    socket.once('error', ({ code }: NodeJS.ErrnoException) => answer(/ALERT/.test(code ?? '')))
  })
}
