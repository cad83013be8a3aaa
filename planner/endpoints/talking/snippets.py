"""Ready pieces of code to talk to an endpoint, the plainest first."""

from __future__ import annotations


def of_url(url: str, model: str) -> dict[str, str]:
    """Return how to ask an engine that needs no key, by tool.

    Args:
        url: Its address for clients of OpenAI's API.
        model: The name that it serves its model under.
    """
    return {
        "Python with the openai package (pip install openai)": _openai(url, model, '"none"'),
        "curl": "\n".join(
            (
                f"curl {url}/chat/completions \\",
                '  -H "Content-Type: application/json" \\',
                f"  -d '{_body(model)}'",
            )
        ),
    }


def of_address(name: str, url: str, model: str, certificate: str = "") -> dict[str, str]:
    """Return how to ask an engine at a machine's own address, by tool.

    Args:
        name: The endpoint's.
        url: Its address for clients of OpenAI's API.
        model: The name that it serves its model under.
        certificate: The file with the certificate to trust; empty where every computer knows it.
    """
    pin = f" --certificate {certificate}" if certificate else ""
    trust = f"--cacert {certificate} " if certificate else ""
    return {
        "Its key, and its certificate" if certificate else "Its key": "\n".join(
            (
                f"export OPENAI_BASE_URL=$(planner url {name}{pin})",
                f"export OPENAI_API_KEY=$(planner key {name})",
            )
        ),
        "Python with the openai package (pip install openai)": "\n".join(
            (
                "import os" + (", ssl" if certificate else ""),
                _openai(url, model, 'os.environ["OPENAI_API_KEY"]', certificate),
            )
        ),
        "curl": "\n".join(
            (
                f"curl {trust}{url}/chat/completions \\",
                '  -H "Authorization: Bearer $OPENAI_API_KEY" \\',
                '  -H "Content-Type: application/json" \\',
                f"  -d '{_body(model)}'",
            )
        ),
    }


def of_sagemaker(
    name: str, region: str, model: str, component: str = "", *, url: str
) -> dict[str, str]:
    """Return how to ask an endpoint on SageMaker, by tool.

    Args:
        name: Of the endpoint.
        region: Where it is.
        model: The name that it serves its model under.
        component: Its inference component, where it has one; every request must name it.
        url: Its address for clients of OpenAI's API.
    """
    signed = "\n".join(
        (
            "from sagemaker.core.token_generator import generate_token",
            _openai(url, model, f'lambda: generate_token(region="{region}")'),
        )
    )
    return {
        "Python with the openai package (pip install openai sagemaker-core)": signed,
        "Any other client": "\n".join(
            (
                f"export OPENAI_BASE_URL=$(planner url {name})",
                f"export OPENAI_API_KEY=$(planner key {name} --for 1h)",
            )
        ),
        "Python with boto3": "\n".join(
            (
                "import boto3, json",
                f'client = boto3.client("sagemaker-runtime", region_name="{region}")',
                f"body = {_body(model)}",
                "answer = client.invoke_endpoint(",
                f'    EndpointName="{name}", ContentType="application/json", Body=json.dumps(body)'
                + ("," if component else ""),
                *([f'    InferenceComponentName="{component}",'] * bool(component)),
                ")",
                'print(json.load(answer["Body"])["choices"][0]["message"]["content"])',
            )
        ),
    }


def _openai(url: str, model: str, key: str, certificate: str = "") -> str:
    trusted = [
        f'trusted = ssl.create_default_context(cafile="{certificate}")',
        "client = OpenAI(",
        "    http_client=DefaultHttpxClient(verify=trusted),",
    ]
    return "\n".join(
        (
            f"from openai import {'DefaultHttpxClient, ' if certificate else ''}OpenAI",
            *(trusted if certificate else ["client = OpenAI("]),
            f'    base_url="{url}",',
            f"    api_key={key},",
            ")",
            "answer = client.chat.completions.create(",
            f'    model="{model}", messages=[{{"role": "user", "content": "Hello"}}],',
            "    max_tokens=64,",
            ")",
            "print(answer.choices[0].message.content)",
        )
    )


def _body(model: str) -> str:
    return (
        f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}], '
        '"max_tokens": 64}'
    )
