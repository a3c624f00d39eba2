// Gives a node of ZooKeeper another ACL, which nothing of ours does: over a connection of its own, in the protocol's
// own bytes. Frames: i32 length; then i32 xid, i32 type and the request.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Acl {
  perm: number
  scheme: string
  auth: string
}

const AUTH = { xid: -4, type: 100 }
const SET_ACL = { xid: 1, type: 7 }

function i32(...numbers: number[]): Buffer {
  const bytes = Buffer.alloc(4 * numbers.length)
  for (const [i, number] of numbers.entries()) bytes.writeInt32BE(number, 4 * i)
  return bytes
}

function text(value: string): Buffer {
  return Buffer.concat([i32(Buffer.byteLength(value)), Buffer.from(value)])
}

function frame(...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([i32(body.length), body])
}

/** The next frame, without its length. Every reply of these requests comes in one piece. */
async function reply(socket: Socket): Promise<Buffer> {
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  return bytes.subarray(4)
}

/** Returns the server's code. */
export async function setAcl(port: number, path: string, acl: Acl[], secret?: string): Promise<number> {
  const socket = connect(port, '127.0.0.1')
  try {
    // Version, last zxid, time-out, session, password.
    socket.write(frame(i32(0), Buffer.alloc(8), i32(5000), Buffer.alloc(8), i32(16), Buffer.alloc(16)))
    await reply(socket)
    if (secret !== undefined) {
      socket.write(frame(i32(AUTH.xid, AUTH.type, 0), text('digest'), text(secret)))
      await reply(socket)
    }
    const entries = acl.map(({ perm, scheme, auth }) => Buffer.concat([i32(perm), text(scheme), text(auth)]))
    socket.write(frame(i32(SET_ACL.xid, SET_ACL.type), text(path), i32(acl.length), ...entries, i32(-1)))
    // xid, zxid, code
    return (await reply(socket)).readInt32BE(12)
  } finally {
    socket.destroy()
  }
}
