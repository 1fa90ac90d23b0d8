// The image: a root file system with the program and the libraries that it is linked to, nothing else, and
// a Containerfile that puts it into an image from scratch.
import { chmodSync, copyFileSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { makeTarball } from "./archives.ts";
import { binaryOf, NAME, type Release, run } from "./facts.ts";

/** A plain user, whom no other program runs as. */
const USER = 65532;

/** Where the image's server says how it is: its own port follows from options. */
const METRICS = "127.0.0.1:9099";

const CONTAINERFILE =
  `# An image of the program and the C library, nothing else. Built where this file lies:
#   docker build -t ${NAME} .      podman build -t ${NAME} .
# There is no OpenSSL in it: TLS takes an image that has libssl3, such as Debian's with the package openssl.
FROM scratch
COPY rootfs/ /
USER ${USER}:${USER}
EXPOSE 9999
# The check asks the server's own metrics, so that it holds for every -p, -H and --unix; whoever sets this
# variable, or --metrics, sets --health-cmd as well.
ENV IOMUX_SERVE_METRICS=${METRICS}
HEALTHCHECK --interval=10s --timeout=5s CMD ["/usr/bin/${NAME}", "client", "-z", "${METRICS}"]
ENTRYPOINT ["/usr/bin/${NAME}"]
CMD ["serve"]
`;

/** Makes out/container for linux-x64, and an archive of it; the libraries are this machine's. */
export function makeContainer(release: Release): void {
  const context = join(release.out, "container");
  const root = join(context, "rootfs");
  const program = join(root, "usr/bin", NAME);
  for (const folder of ["usr/bin", "etc", "tmp", "proc", "dev"]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  chmodSync(join(root, "tmp"), 0o1777);
  copyFileSync(binaryOf(release, "linux-x64"), program);
  for (const [, library] of run("ldd", [program], release.stage).matchAll(/(\/\S+) \(0x/g)) {
    mkdirSync(join(root, dirname(library!)), { recursive: true });
    copyFileSync(realpathSync(library!), join(root, library!));
  }
  writeFileSync(join(root, "etc/passwd"), `${NAME}:x:${USER}:${USER}::/tmp:/usr/bin/${NAME}\n`);
  writeFileSync(join(context, "Containerfile"), CONTAINERFILE);
  const archive = join(release.out, `${NAME}-container.tar.gz`);
  const owner = ["--owner=0", "--group=0", "--numeric-owner"];
  makeTarball(release, archive, ["-C", release.out, ...owner, "container"]);
}
