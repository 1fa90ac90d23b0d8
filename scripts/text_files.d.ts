// Files that are imported as their text, for TypeScript's own compiler.
declare module "*.css" {
  const text: string;
  export default text;
}
declare module "*.js" {
  const text: string;
  export default text;
}
