// Has functions called before all listeners of a server's 'request'. They are not listeners: for more than one of those
// Node copies their list with every request, which alone took half of what instrument() cost. And engine.io,
// for one, takes all listeners away and tells them only of what it does not answer itself. Nor does a server of HTTP/2
// that answers streams alone begin to make requests of them, which would answer some by itself.

import type { HttpServer as Server } from '../util/node-types'
import type { AnyRequest } from './connections'
import type { AnyResponse } from './in-flight'

export type Begin = (request: AnyRequest, response: AnyResponse) => void

/** An `emit` of ours, and what it calls. */
interface Front {
  begins: readonly Begin[]
  /** Takes it away again, unless somebody has put another one before it: that one goes on calling it. */
  leave(): void
}

const fronts = new WeakMap<object, Front>()

/** Returns a function that undoes it. */
export function beforeRequests(server: Server, begin: Begin): () => void {
  const front = fronts.get(server.emit) ?? putFront(server)
  front.begins = [...front.begins, begin]
  return () => {
    front.begins = front.begins.filter((other) => other !== begin)
    if (front.begins.length === 0) front.leave()
  }
}

function putFront(server: Server): Front {
  const own = Object.getOwnPropertyDescriptor(server, 'emit')
  // What is inherited is looked up each time: tracers of programs replace it whenever they are loaded.
  const below: { emit(event: string, ...values: unknown[]): boolean } =
    own === undefined ? Object.getPrototypeOf(server) : { emit: server.emit }
  function emit(this: Server, event: string, request: AnyRequest, response: AnyResponse): boolean {
    if (event === 'request') for (const begin of front.begins) begin(request, response)
    // biome-ignore-start lint/complexity/noArguments: an array of them would be made for each request
    // To hand on `arguments` takes longer than all the rest, and of a request there are as many as this.
    if (arguments.length === 3) return below.emit.call(this, event, request, response)
    return Reflect.apply(below.emit, this, arguments)
    // biome-ignore-end lint/complexity/noArguments: only there
  }
  const front: Front = {
    begins: [],
    leave() {
      if (server.emit !== emit) return
      if (own === undefined) Reflect.deleteProperty(server, 'emit')
      else Object.defineProperty(server, 'emit', own)
    },
  }
  fronts.set(emit, front)
  Object.defineProperty(server, 'emit', { value: emit, writable: true, configurable: true })
  return front
}
