/**
 * The digests of the images that an application runs, as its `app-compose.json` pins them, each once; none where that is
 * no such JSON. An image without one is whatever its registry says that day.
 */
export function imageDigests(appCompose: string): readonly string[] {
  const { docker_compose_file: compose } = Object(parsed(appCompose))
  if (typeof compose !== 'string') return []
  const images = compose.matchAll(/^[ \t]*(?:- +)?image:[^#\n]*@(sha256:[\da-f]{64})/gm)
  return [...new Set(Array.from(images, ([, digest = '']) => digest))]
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
