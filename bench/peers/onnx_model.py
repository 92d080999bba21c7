#!/usr/bin/env python3
"""ONNX Runtime and OpenVINO on the model.onnx that `prepare` of torch_vgg16.py or torch_resnet.py leaves, timed as peers. No torch in the process.

usage: onnx_model.py detect|cold --runtime onnxruntime|openvino --dir DIR [--size HxW] [--precision bf16] [--threads 2] [--warmup 2] [--runs 5] [--json FILE]
"""
import contender


def load(runtime, options):
    """A function from an image, float32 [3, H, W], to (boxes, labels, scores)."""
    path = f"{options.dir}/model.onnx"
    if runtime == "onnxruntime":
        import onnxruntime

        if options.precision != "f32":
            raise SystemExit("ONNX Runtime's CPU kernels have no bf16")
        o = onnxruntime.SessionOptions()
        o.intra_op_num_threads = options.threads
        session = onnxruntime.InferenceSession(path, o, providers=["CPUExecutionProvider"])
        return lambda image: session.run(None, {"image": image})
    import openvino

    model = openvino.Core().compile_model(
        path, "CPU", {"INFERENCE_NUM_THREADS": options.threads, "INFERENCE_PRECISION_HINT": options.precision, "PERFORMANCE_HINT": "LATENCY"})
    return lambda image: list(model([image]).values())


def main():
    p = contender.parser(__doc__.splitlines()[0], ("detect", "cold"))
    p.add_argument("--runtime", choices=("onnxruntime", "openvino"), required=True)
    options = p.parse_args()
    detect = load(options.runtime, options)
    inputs = [contender.as_input(i) for i in contender.images(options.dir, options.size)]
    if options.job == "cold":
        contender.report(ms=[], boxes=len(detect(inputs[0])[1]))
        return
    if options.json:
        found = [detect(i) for i in inputs]
        contender.save_detections(options.json, [(boxes, scores, labels) for boxes, labels, scores in found])
    contender.report(ms=contender.timed(lambda: detect(inputs[0]), options))


if __name__ == "__main__":
    main()
