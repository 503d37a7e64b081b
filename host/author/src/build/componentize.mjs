// Builds the component of the project in the working directory, and writes it to the file that is given.

import { writeFile } from "node:fs/promises";

const OLDEST = 20;

if (Number.parseInt(process.versions.node, 10) < OLDEST) {
  console.error(`Node.js ${process.versions.node} is too old; install ${OLDEST} or later, and then: npm install`);
  process.exit(1);
}
try {
  const { componentize } = await import("@bytecodealliance/componentize-js");
  const { component } = await componentize({
    // The directory of a path that is absolute and in the working directory is left out of stack traces.
    sourcePath: `${process.cwd()}/wasser/component.js`,
    witPath: "wit",
    worldName: "runtime-with-all",
    // WASI has nothing behind it in the sandbox.
    disableFeatures: ["random", "stdio", "clocks", "http", "fetch-event"],
  });
  await writeFile(process.argv.at(-1), component);
} catch (error) {
  // Without the functions of the compiler.
  console.error(error.message);
  process.exitCode = 1;
}
