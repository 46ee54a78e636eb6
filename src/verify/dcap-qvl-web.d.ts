// A file that is imported by path, so that it ends up inside the executable.
declare module '@phala/dcap-qvl-web/dcap-qvl-web_bg.wasm' {
  const path: string

  export = path
}
