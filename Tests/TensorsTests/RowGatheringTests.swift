import CKernels
import TestSupport
import Tensors
import Testing

/// What stands between an encoder's states and a head that sees neighbouring words.
@Suite struct RowGatheringTests {
    @Test(arguments: KernelVariant.all) func rectifyingAndMaskingAgree(_ variant: KernelVariant) throws {
        for count in oddSizes {
            let (x, gradient) = (randomValues(count), randomValues(count, stream: 1))
            let (fast, naive) = try variant.results { table in
                var (rectified, kept, masked) = (x, gradient, x)
                table.rectify(&rectified, count)
                table.rectify_backward(&kept, rectified, count)
                table.multiply_elements(&masked, gradient, count)
                return rectified + kept + masked
            }
            #expect(fast == naive, "\(count) values")
        }
    }

    @Test func rectifyingKeepsWhatIsNoNumber() {
        var x = Matrix(rows: 1, columns: 4, values: [-1, .nan, .infinity, 2])
        rectify(&x)
        #expect(x.values[1].isNaN)
        x.values[1] = 0
        #expect(x.values == [0, 0, .infinity, 2])
        var gradient = Matrix(rows: 1, columns: 4, values: [5, 6, 7, 8])
        rectifyGradient(&gradient, output: x)
        #expect(gradient.values == [0, 0, 7, 8])
    }

    @Test func rowsAreGatheredSideBySideAndTheirGradientsGoBack() {
        let x = Matrix(rows: 3, columns: 2, values: [1, 2, 3, 4, 5, 6])
        var windows = Matrix(rows: 0, columns: 0)
        let rows = [-1, 0, 1, 0, 1, 2, 1, 2, -1]
        gatherRows(of: x, rows, width: 3, into: &windows)
        #expect(
            windows
                == Matrix(
                    rows: 3, columns: 6, values: [0, 0, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 3, 4, 5, 6, 0, 0]))
        var back = Matrix(rows: 3, columns: 2, values: [100, 0, 0, 0, 0, 0])
        scatterAddRows(windows, rows, width: 3, into: &back)
        // Twice, three times and twice in view.
        #expect(back.values == [102, 4, 9, 12, 10, 12])
        gatherRows(of: x, [2, 2, 0], into: &windows)
        #expect(windows == Matrix(rows: 3, columns: 2, values: [5, 6, 5, 6, 1, 2]))
        gatherRows(of: x, [], width: 3, into: &windows)
        #expect(windows == Matrix(rows: 0, columns: 6))
    }

    @Test func rowsAreMixed() {
        let (a, b) = (
            Matrix(rows: 3, columns: 2, values: [1, 2, 3, 4, 5, 6]),
            Matrix(rows: 3, columns: 2, values: [10, 20, 30, 40, 50, 60])
        )
        var mixed = Matrix(rows: 3, columns: 2, values: [7, 7, 7, 7, 7, 7])
        mixRows(of: [a, b], 1..<3, weights: [2, 0.5], into: &mixed, at: 1)
        #expect(mixed.values == [7, 7, 21, 28, 35, 42])
        mixRows(of: [a, b], 0..<0, weights: [2, 0.5], into: &mixed)
        #expect(mixed.values == [7, 7, 21, 28, 35, 42])
    }
}
