// Files that are imported by path, so that they end up inside the executable.
declare module 'swagger-ui-dist/swagger-ui-bundle.js' {
  const path: string

  export = path
}
declare module 'swagger-ui-dist/swagger-ui.css' {
  const path: string

  export = path
}
