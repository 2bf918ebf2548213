#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif
internal import Annotations

/// A regular file mapped read-only for as long as this object lives.
///
/// Unchecked, because of the pointer: the mapping is never written through, and nothing but `deinit` ends it. A file
/// that another program shortens while it is mapped can still kill the process (SIGBUS); writers of model files
/// replace them by rename, which leaves the mapped inode alone.
final class MappedFile: @unchecked Sendable {
    private let base: UnsafeMutableRawPointer?
    let count: Int

    init(path: String) throws(Fault) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Fault(
                .model, errno == ENOENT ? "file-missing" : "file-unreadable",
                "cannot open \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Fault(.model, "file-unreadable", "\(path) is not a regular file")
        }
        count = Int(status.st_size)
        guard count > 0 else {
            // A mapping of no bytes is an error to mmap and not to us.
            base = nil
            return
        }
        guard let pointer = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), pointer != MAP_FAILED else {
            throw Fault(.system, "file-unmappable", "cannot map \(path): \(String(cString: strerror(errno)))")
        }
        base = pointer
    }

    deinit {
        if let base { munmap(base, count) }
    }

    /// Gives the pages back; they come again from the page cache when they are read.
    func releasePages() {
        if let base { madvise(base, count, MADV_DONTNEED) }
    }

    func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        withExtendedLifetime(self) { body(UnsafeRawBufferPointer(start: base, count: count)) }
    }
}
