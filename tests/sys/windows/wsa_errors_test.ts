// The errors of Windows under portable names: a table, which is the same everywhere.
import { describe, expect, it } from "bun:test";
import { reportsFailedConnect } from "../../../lib/selectors/wsapoll.ts";
import { describeWsa, portableError, wsaErrno } from "../../../lib/sys/windows/wsa_errors.ts";

describe("wsaErrno()", () => {
  it("has the numbers of winsock2.h under the names of Unix", () => {
    const { EAGAIN, EWOULDBLOCK, EINPROGRESS, ECONNREFUSED, ECONNRESET, EADDRINUSE } = wsaErrno();
    expect([EAGAIN, EWOULDBLOCK, EINPROGRESS]).toEqual([10035, 10035, 10036]);
    expect([ECONNREFUSED, ECONNRESET, EADDRINUSE]).toEqual([10061, 10054, 10048]);
  });

  it("has every name that the library asks for", () => {
    for (
      const name of [
        ...["EBADF", "EPERM", "EINTR", "EIO", "EPIPE", "EINVAL", "ENOSYS", "EFAULT", "ENOTSOCK"],
        ...["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ETIMEDOUT", "ECONNABORTED", "EOPNOTSUPP"],
        ...["ENOPROTOOPT", "ENOTCONN", "EACCES", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EALREADY"],
      ]
    ) expect(wsaErrno()[name]).toBeGreaterThan(0);
  });
});

describe("portableError() and describeWsa()", () => {
  it("a socket that was closed is EBADF", () => {
    expect(portableError(10038)).toBe(wsaErrno().EBADF!);
    expect(portableError(6)).toBe(wsaErrno().EBADF!);
  });

  it("leave other numbers alone, and have words for them", () => {
    expect(portableError(10061)).toBe(10061);
    expect(describeWsa(10052)).toBe("network dropped connection on reset");
    expect(describeWsa(99999)).toBe("Winsock 99999");
  });
});

describe("reportsFailedConnect()", () => {
  it("is true from Windows 10 2004 on (build 19041)", () => {
    for (const release of ["10.0.19041", "10.0.22631", "11.0.1"]) {
      expect(reportsFailedConnect(release)).toBe(true);
    }
    for (const release of ["6.1.7601", "6.3.9600", "10.0.17763", "10.0.18363", "", "x"]) {
      expect(reportsFailedConnect(release)).toBe(false);
    }
  });
});
