declare module '@phala/dcap-qvl-web/dcap-qvl-web_bg.wasm' {
  const path: string
  export default path
}
