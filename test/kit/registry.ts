/** A registry that takes whatever is pushed; `pushed` is each manifest’s path and digest. */
export function registry() {
  const pushed: [path: string, digest: string][] = []
  const server = Bun.serve({
    port: 0,
    routes: {
      '/v2/': () => new Response(),
      '/v2/:name/blobs/uploads/': req => begun(req.url),
      '/v2/:name/blobs/uploads/1': async req => {
        await req.bytes()
        return req.method === 'PATCH' ? begun(req.url) : new Response(null, { status: 201 })
      },
      '/v2/:name/manifests/:tag': async req => {
        const digest = `sha256:${new Bun.CryptoHasher('sha256').update(await req.bytes()).digest('hex')}`
        pushed.push([new URL(req.url).pathname, digest])
        return new Response(null, { status: 201, headers: { 'docker-content-digest': digest } })
      },
    },
    fetch: () => new Response(null, { status: 404 }),
  })
  const begun = (url: string) =>
    new Response(null, { status: 202, headers: { location: new URL('/v2/sealgate/blobs/uploads/1', url).href } })
  return { host: `127.0.0.1:${server.port}`, pushed, [Symbol.dispose]: () => void server.stop(true) }
}
