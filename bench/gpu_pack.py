# SPDX-License-Identifier: Apache-2.0
"""The program that bench/on_gpu measures: the script builds it there, or takes one that was built
elsewhere."""

import pathlib
import re
import shutil
import subprocess
import sys

import convoy_runs
import gpu_session

FOLDER = convoy_runs.ROOT / "build/on-gpu"
PACKED_DATA = ("mnist", "fashion-mnist")  # the first one that exists is used
# These libraries belong to the system's loader and come with it.
OF_THE_LOADER = re.compile(r"^(ld-linux|lib(c|m|dl|rt|pthread|resolv)\.so)")


def configure(folder, *options):
    return ["cmake", "-S", convoy_runs.ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
            "-DCONVOY_CUDA=ON", "-DCONVOY_BUILD_TESTS=OFF", "-DCONVOY_BUILD_EXAMPLES=OFF", *options]


def compile_in(folder):
    return ["cmake", "--build", folder, "--target", "convoy-program"]


def works(folder, environment):
    """Whether the package has a program that runs on this machine."""
    program = folder / "convoy"
    if not program.exists():
        return False
    try:
        return subprocess.run([program, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env=environment, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def build(session):
    """Builds with the tools of this machine and for its GPU; without MPI, which one GPU does not
    need."""
    folder = convoy_runs.ROOT / "build/on-gpu-build"
    done = session.run(["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]) \
        if shutil.which("nvidia-smi") else None
    capability = done.stdout.split()[:1] if done and done.returncode == 0 else []
    architectures = [f"-DCMAKE_CUDA_ARCHITECTURES={capability[0].replace('.', '')}"] if capability else []
    session.output_of(configure(folder, "-DCONVOY_MPI=OFF", *architectures))
    session.output_of(compile_in(folder))
    return folder / "convoy"


def libraries(program):
    """All libraries that the program is linked with, but those of the loader."""
    out = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    missing = re.findall(r"(\S+) => not found", out)
    if missing:
        raise SystemExit(f"on_gpu: {program} needs {missing[0]}, which is not here")
    paths = [pathlib.Path(path) for path in re.findall(r"=> (/\S+)", out)]
    return [path for path in paths if not OF_THE_LOADER.match(path.name)]


def pack(folder):
    """Program, libraries and data. The program looks for its libraries in the folder lib beside it; the loader,
    and the C library with it, are those of the machine that it is brought to."""
    build_folder = convoy_runs.ROOT / "build/on-gpu-pack"
    commands = [configure(build_folder, "-DCONVOY_MPI=OFF", "-DCMAKE_BUILD_RPATH=$ORIGIN/lib",
                          # This path also serves the libraries that other libraries need.
                          "-DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags"),
                compile_in(build_folder)]
    for command in commands:
        if subprocess.run(command, stdout=sys.stderr).returncode:
            return 1
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "lib").mkdir(parents=True)
    shutil.copy(build_folder / "convoy", folder)
    for library in libraries(build_folder / "convoy"):
        shutil.copy(library, folder / "lib")
    for name in PACKED_DATA:
        source = convoy_runs.find_data(name)
        if source:
            (folder / "data" / name).mkdir(parents=True)
            for path in source.glob("*-ubyte*"):
                shutil.copy(path, folder / "data" / name)
            break
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    gpu_session.log(f"{folder}: {size / 2**20:.1f} MiB")
    return 0
