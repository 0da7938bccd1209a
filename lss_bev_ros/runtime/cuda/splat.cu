// The splat and its gradient in CUDA C++, compiled at run time with NVRTC for machines without Triton.
//
// One row of threads a cell, or a pixel, and one thread a channel, so that no atomics are needed and every run
// gives the same sums. Define VALUE_HALF for half-precision features and BEV; depth is float32 either way.
// `splat_kernel.py` holds the same in Triton.

#ifdef VALUE_HALF
typedef unsigned short Value;  // NVRTC has no headers at hand, and two conversions need none
__device__ static inline float to_float(Value value) {
    float result;
    asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value));
    return result;
}
__device__ static inline Value to_value(float value) {
    Value result;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result) : "f"(value));
    return result;
}
#else
typedef float Value;
__device__ static inline float to_float(Value value) { return value; }
__device__ static inline Value to_value(float value) { return value; }
#endif

// Sum the points of each hit cell.
//   depth     (pixels, bins)       probabilities
//   features  (pixels, channels)
//   weights   (points)             pixel * bins + bin of every point, by cell
//   cells     (*count)             cells that are hit
//   starts    (*count + 1)         where each cell's points start
//   bev       (cells, channels)    only hit cells are written
extern "C" __global__ void splat(const float* depth, const Value* features, const int* weights, const int* cells,
                                 const int* starts, const int* count, Value* bev, int channels, int bins) {
    for (int row = blockIdx.x * blockDim.y + threadIdx.y; row < *count; row += gridDim.x * blockDim.y) {
        const int first = starts[row], last = starts[row + 1];
        const long long cell = cells[row];
        for (int channel = threadIdx.x; channel < channels; channel += blockDim.x) {
            float sum = 0.0f;
#pragma unroll 4
            for (int point = first; point < last; ++point) {
                const int place = weights[point];
                sum += depth[place] * to_float(features[(long long)(place / bins) * channels + channel]);
            }
            bev[cell * channels + channel] = to_value(sum);
        }
    }
}

// The gradient of the features: what each of a pixel's points sends back, weighted with its depth.
//   gradient  (cells, channels)    of the BEV
//   cells     (pixels, bins)       the cell of every point, -1 outside the grid
extern "C" __global__ void splat_feature_gradient(const Value* gradient, const float* depth, const int* cells,
                                                  Value* feature_gradient, int pixels, int channels, int bins) {
    for (long long pixel = (long long)blockIdx.x * blockDim.y + threadIdx.y; pixel < pixels;
         pixel += (long long)gridDim.x * blockDim.y) {
        for (int channel = threadIdx.x; channel < channels; channel += blockDim.x) {
            float sum = 0.0f;
            for (int bin = 0; bin < bins; ++bin) {
                const long long cell = cells[pixel * bins + bin];
                if (cell >= 0) {
                    sum += depth[pixel * bins + bin] * to_float(gradient[cell * channels + channel]);
                }
            }
            feature_gradient[pixel * channels + channel] = to_value(sum);
        }
    }
}

// The gradient of the depth: one thread a point, the product of its cell's gradient with its pixel's feature.
extern "C" __global__ void splat_depth_gradient(const Value* gradient, const Value* features, const int* cells,
                                                float* depth_gradient, int pixels, int channels, int bins) {
    const long long points = (long long)pixels * bins;
    for (long long point = (long long)blockIdx.x * blockDim.x + threadIdx.x; point < points;
         point += (long long)gridDim.x * blockDim.x) {
        const long long cell = cells[point], pixel = point / bins;
        float sum = 0.0f;
        if (cell >= 0) {
            for (int channel = 0; channel < channels; ++channel) {
                sum += to_float(gradient[cell * channels + channel]) *
                       to_float(features[pixel * channels + channel]);
            }
        }
        depth_gradient[point] = sum;
    }
}
